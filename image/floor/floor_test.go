package floor

import "testing"

func TestFloorIsTheLaterOfBuildAndSaved(t *testing.T) {
	const (
		build  = 1_795_000_000 // 2026-11-18
		saved  = build + 86_400*30
		absurd = 4_294_967_296 // 2106, where 32 bits end
	)
	tests := []struct {
		name              string
		now, build, saved int64
		second            int64
		set               bool
	}{
		{"no battery: 1970", 3, build, 0, build, true},
		{"1970, saved later", 3, build, saved, saved, true},
		{"saved before the build: an older card's", 3, build, build - 1, build, true},
		{"right time", saved + 5, build, saved, 0, false},
		{"between build and saved", build + 5, build, saved, saved, true},
		{"far future is left to the receiver", absurd, build, saved, 0, false},
		{"2036, the end of NTP's first era", 2_085_978_496, build, saved, 0, false},
		{"2038, the end of 31 bits", 2_147_483_648, build, 0, 0, false},
		{"built after 2038", 3, 2_200_000_000, 0, 2_200_000_000, true},
		{"before 1970", -5, build, 0, build, true},
		{"saved 1024 weeks after the build", 3, build, build + 1024*7*86_400, build + 1024*7*86_400, true},
		{"saved later still: damage", 3, build, build + 1024*7*86_400 + 1, build, true},
		{"unknown build, saved known", 3, 0, saved, saved, true},
		{"nothing known", 3, 0, 0, 0, false},
		{"exactly the floor", build, build, 0, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			second, set, why := Decide(tt.now, tt.build, tt.saved)
			if second != tt.second || set != tt.set || why == "" {
				t.Errorf("Decide = %d, %v, %q, want %d, %v and a reason", second, set, why, tt.second, tt.set)
			}
		})
	}
}
