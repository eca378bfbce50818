package clock

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const atY2038 = int64(1<<31) * 1e9 // the second after a 32-bit time_t

func TestAddRoundsToTheNanosecond(t *testing.T) {
	tests := []struct {
		d    Seconds
		want int64
	}{
		{0, 0},
		{1, 1_000_000_000},
		{0.4e-9, 0},
		{0.5e-9, 1},
		{0.6e-9, 1},
		{-0.4e-9, 0},
		{-0.5e-9, -1}, // halves away from zero, on both sides
		{-1e-3, -1_000_000},
		{86400 + 1e-9, 86_400_000_000_001},
	}
	for _, tt := range tests {
		for _, from := range []int64{0, -7, atY2038} {
			if got := Mono(from).Add(tt.d); got != Mono(from+tt.want) {
				t.Errorf("Mono(%d).Add(%v) = %d, want %d", from, tt.d, got, from+tt.want)
			}
			if got := Real(from).Add(tt.d); got != Real(from+tt.want) {
				t.Errorf("Real(%d).Add(%v) = %d, want %d", from, tt.d, got, from+tt.want)
			}
		}
		if got := tt.d.Duration(); got != time.Duration(tt.want) {
			t.Errorf("(%v).Duration() = %v, want %v", float64(tt.d), got, time.Duration(tt.want))
		}
	}
}

// A difference is exact before it becomes a float: dates far from 0 cost nothing.
func TestSubKeepsNanosecondsFarFromZero(t *testing.T) {
	const last = math.MaxInt64
	if got := Mono(last).Sub(last - 1); got != 1e-9 {
		t.Errorf("Mono: %v, want 1e-9", got)
	}
	if got := Real(last - 5).Sub(last); got != -5e-9 {
		t.Errorf("Real: %v, want -5e-9", got)
	}
	if got := Real(last).Time(); got.Year() != 2262 || got.Location() != time.UTC {
		t.Errorf("the last instant is %v, want one of 2262", got)
	}
	if got, want := Real(atY2038).Time().Format(time.RFC3339Nano), "2038-01-19T03:14:08Z"; got != want {
		t.Errorf("%v, want %v", got, want)
	}
	if got, want := Real(-1).Time().Format(time.RFC3339Nano), "1969-12-31T23:59:59.999999999Z"; got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

// A float64 of seconds holds nanoseconds for 2^53 ns, 104 days.
func TestAddUndoesSub(t *testing.T) {
	const reach = 1 << 53
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Int64Range(-1<<62, 1<<62).Draw(t, "a")
		d := rapid.Int64Range(-reach, reach).Draw(t, "d")
		// The product with 1e-9 rounds once more, by half a nanosecond at the end of the reach.
		if got := Mono(a).Add(Mono(a + d).Sub(Mono(a))); max(got-Mono(a+d), Mono(a+d)-got) > 1 {
			t.Errorf("Mono: %d + (%d - %d) = %d", a, a+d, a, got)
		}
		if got := Real(a).Add(Real(a + d).Sub(Real(a))); max(got-Real(a+d), Real(a+d)-got) > 1 {
			t.Errorf("Real: %d + (%d - %d) = %d", a, a+d, a, got)
		}
		if small := d % 86_400_000_000_000; Mono(a).Add(Mono(a+small).Sub(Mono(a))) != Mono(a+small) {
			t.Errorf("within a day: %d + %d ns", a, small)
		}
	})
}

func TestReadingConverts(t *testing.T) {
	r := Reading{Mono: 5_000_000_001, Real: Real(atY2038) + 3, Boot: 9e9, Era: 4}
	rapid.Check(t, func(t *rapid.T) {
		m := Mono(rapid.Int64Range(-1<<61, 1<<61).Draw(t, "m"))
		if got := r.MonoAt(r.RealAt(m)); got != m {
			t.Errorf("MonoAt(RealAt(%d)) = %d", m, got)
		}
		if got := int64(r.RealAt(m)) - int64(m); got != int64(r.Real)-int64(r.Mono) {
			t.Errorf("Real - Mono at %d is %d", m, got)
		}
	})
	if r.RealAt(r.Mono) != r.Real || r.MonoAt(r.Real) != r.Mono {
		t.Error("a reading does not give itself")
	}
	data, err := json.Marshal(r)
	if want := `{"mono":5000000001,"real":2147483648000000003,"boot":9000000000,"era":4}`; err != nil || string(data) != want {
		t.Errorf("%s, %v, want %s", data, err, want)
	}
	var back Reading
	if err := json.Unmarshal(data, &back); err != nil || back != r {
		t.Errorf("%+v, %v, want %+v", back, err, r)
	}
}

func TestLeapIsNamed(t *testing.T) {
	for leap, want := range map[Leap]string{LeapNone: "none", LeapInsert: "insert", LeapDelete: "delete", 7: "none"} {
		if got := leap.String(); got != want {
			t.Errorf("Leap(%d) = %q, want %q", int8(leap), got, want)
		}
	}
}
