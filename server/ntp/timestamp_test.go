package ntp

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"timeball/pps/clock"
)

const second = clock.Real(1_000_000_000)

func TestTimestampFollowsRFC5905(t *testing.T) {
	tests := []struct {
		name string
		real clock.Real
		want Timestamp
	}{
		// RFC 5905, figure 4: dates with their era and era offset.
		{"1970-01-01, first day of UNIX", 0, 2208988800 << 32},
		{"1972-01-01, first day of UTC", 63072000 * second, 2272060800 << 32},
		{"1999-12-31, last day of the century", 946598400 * second, 3155587200 << 32},
		{"2036-02-08, first day of era 1", 2086041600 * second, 63104 << 32},
		{"half a second", second / 2, 2208988800<<32 | 1<<31},
		{"a nanosecond is 4.29 units", 1, 2208988800<<32 | 4},
		{"a nanosecond before 1970", -1, 2208988799<<32 | 4294967292},
		{"the last nanosecond of a second does not carry", second - 1, 2208988800<<32 | 4294967292},
		{"the start of era 1 is not the unknown time", 2085978496 * second, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := TimestampAt(tt.real)
			if got != tt.want {
				t.Errorf("TimestampAt(%d) = %016x, want %016x", tt.real, uint64(got), uint64(tt.want))
			}
			if back := got.Real(tt.real); back != tt.real {
				t.Errorf("back to Real: %d, want %d", back, tt.real)
			}
		})
	}
}

func TestTimestampRoundTripsAroundAnyPivot(t *testing.T) {
	const years60 = 60 * 365 * 86400
	rapid.Check(t, func(t *rapid.T) {
		real := clock.Real(rapid.Int64Range(math.MinInt64/2, math.MaxInt64/2).Draw(t, "real"))
		pivot := real + clock.Real(rapid.Int64Range(-years60, years60).Draw(t, "pivot"))*second
		if got := TimestampAt(real).Real(pivot); got != real {
			t.Fatalf("TimestampAt(%d).Real(%d) = %d", real, pivot, got)
		}
	})
}

func TestTimestampRealStaysInRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stamp := Timestamp(rapid.Uint64().Draw(t, "stamp"))
		pivot := clock.Real(rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64, 0}).Draw(t, "pivot"))
		got := stamp.Real(pivot)
		if (pivot < 0 && got > 0) || (pivot > 0 && got < 0) {
			t.Fatalf("%016x near %d = %d: wrapped", uint64(stamp), pivot, got)
		}
	})
}

func TestShortRoundsUp(t *testing.T) {
	tests := []struct {
		name    string
		seconds clock.Seconds
		want    Short
	}{
		{"zero", 0, 0},
		{"negative", -1, 0},
		{"the smallest number above zero", math.SmallestNonzeroFloat64, 1},
		{"exactly one unit", 1.0 / 65536, 1},
		{"just above one unit", clock.Seconds(math.Nextafter(1.0/65536, 1)), 2},
		{"one second", 1, 65536},
		{"what does not fit", 65536, math.MaxUint32},
		{"infinity", clock.Seconds(math.Inf(1)), math.MaxUint32},
		{"not a number", clock.Seconds(math.NaN()), math.MaxUint32},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := ShortUp(tt.seconds); got != tt.want {
				t.Errorf("ShortUp(%v) = %d, want %d", tt.seconds, got, tt.want)
			}
		})
	}
}

func TestShortIsNeverSmaller(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := clock.Seconds(rapid.Float64Range(0, 65535).Draw(t, "seconds"))
		if got := ShortUp(s).Seconds(); got < s || got > s+1.0/65536 {
			t.Fatalf("ShortUp(%v) = %v", s, got)
		}
	})
}
