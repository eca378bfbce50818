package witness

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	beevik "github.com/beevik/ntp"
	"golang.org/x/sys/unix"

	"timeball/cmd/internal/peers"
	"timeball/pps/clock"
	"timeball/server/ntp"
)

// ahead is how far the test's CLOCK_REALTIME is from the machine's: what a witness says must not depend on it.
const ahead = 77 * time.Hour

// readClocks reads the machine's clocks, with a wrong time of day.
func readClocks() (clock.Reading, bool) {
	return clock.Reading{
		Mono: clock.Mono(gettime(unix.CLOCK_MONOTONIC)), Boot: clock.Boot(gettime(unix.CLOCK_BOOTTIME)),
		Real: clock.Real(gettime(unix.CLOCK_REALTIME) + int64(ahead)),
	}, true
}

func gettime(id int32) int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(id, &ts); err != nil {
		panic(err)
	}
	return ts.Nano()
}

// wrong returns how far a reading is from the machine's own time of day.
func wrong(r Reading) clock.Seconds {
	mono, real := gettime(unix.CLOCK_MONOTONIC), gettime(unix.CLOCK_REALTIME)
	return clock.Seconds(int64(r.UTC)-int64(r.At)-(real-mono)) * 1e-9
}

// answerer is an NTP server on loopback that answers what a test says; nil is no answer.
func answerer(t *testing.T, answer func(request []byte) []byte) string {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 1000)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			if a := answer(buffer[:n]); a != nil {
				conn.WriteToUDPAddrPort(a, from)
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return conn.LocalAddr().String()
}

// good is the answer of a server of stratum 2 whose clock is ahead of the machine's by shift.
func good(request []byte, shift time.Duration) []byte {
	now := ntp.TimestampAt(clock.Real(gettime(unix.CLOCK_REALTIME) + int64(shift)))
	a := make([]byte, 48)
	a[0], a[1], a[2], a[3] = 4<<3|4, 2, 6, 0xec
	binary.BigEndian.PutUint32(a[4:], 1<<16/100) // root delay, 10 ms
	binary.BigEndian.PutUint32(a[8:], 1<<16/50)  // root dispersion, 20 ms
	copy(a[12:], []byte{192, 0, 2, 1})
	binary.BigEndian.PutUint64(a[16:], uint64(now)-10<<32)
	copy(a[24:32], request[40:48])
	binary.BigEndian.PutUint64(a[32:], uint64(now))
	binary.BigEndian.PutUint64(a[40:], uint64(now))
	return a
}

func TestServersAreUnderstood(t *testing.T) {
	for _, tt := range []struct {
		name        string
		addr        string
		shift       time.Duration
		least, most clock.Seconds // of the distance
		stratum     int
	}{
		{"chronyd", peers.ServeChronyd(t).String(), 0, 0, 0.1, 10},
		{"one that is well", answerer(t, func(r []byte) []byte { return good(r, 0) }), 0, 0.024, 0.1, 2},
		{"one that is 3 years ahead", answerer(t, func(r []byte) []byte { return good(r, 3*365*24*time.Hour) }), 3 * 365 * 24 * time.Hour, 0.024, 0.1, 2},
		{"one that is 40 years behind", answerer(t, func(r []byte) []byte { return good(r, -40*365*24*time.Hour) }), -40 * 365 * 24 * time.Hour, 0.024, 0.1, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := Server{Name: tt.addr, Now: readClocks}
			r, err := s.Ask(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			off := wrong(r) - clock.Seconds(tt.shift.Seconds())
			t.Logf("off by %.6f s, distance %.6f s", off, r.Distance)
			if math.Abs(float64(off)) > float64(r.Distance)+1e-6 || r.Distance < tt.least || r.Distance > tt.most || r.Stratum != tt.stratum {
				t.Errorf("%+v is off by %v s, want at most the distance, which is from %v to %v", r, off, tt.least, tt.most)
			}
		})
	}
}

func TestServersAreRefused(t *testing.T) {
	edited := func(edit func(a []byte)) func([]byte) []byte {
		return func(request []byte) []byte {
			a := good(request, 0)
			edit(a)
			return a
		}
	}
	kiss := func(code string) func([]byte) []byte {
		return edited(func(a []byte) { a[0] |= 0xc0; a[1] = 0; copy(a[12:16], code) })
	}
	tests := []struct {
		name   string
		answer func([]byte) []byte
		want   error // or
		says   string
	}{
		{"not synchronised", edited(func(a []byte) { a[0] |= 0xc0 }), errNotSynced, ""},
		{"our own before its lock", kiss("\x00\x00\x00\x00"), errNotSynced, ""},
		{"stratum 16", edited(func(a []byte) { a[1] = 16 }), errNotSynced, ""},
		{"kiss INIT", kiss("INIT"), errNotSynced, "INIT"},
		{"kiss RATE", kiss("RATE"), ErrRate, "less often"},
		{"kiss DENY", kiss("DENY"), errDenied, "DENY"},
		{"kiss RSTR", kiss("RSTR"), errDenied, "RSTR"},
		{"far from the truth", edited(func(a []byte) { binary.BigEndian.PutUint32(a[8:], 2<<16) }), nil, "2.0 s from the truth"},
		{"far from its own source", edited(func(a []byte) { binary.BigEndian.PutUint32(a[4:], 30<<16) }), nil, "15.0 s from the truth"},
		{"beyond all", edited(func(a []byte) { binary.BigEndian.PutUint32(a[8:], 17<<16) }), nil, "dispersion"},
		{"not heard its own source for two days", edited(func(a []byte) { a[19]--; a[17] -= 3 }), nil, "fresh"},
		{"ours", edited(func(a []byte) { copy(a[12:], []byte{127, 0, 0, 1}) }), errFollows, ""},
		{"held for a second", edited(func(a []byte) { a[35]-- }), errImpossible, ""},
		{"another question's", edited(func(a []byte) { a[24]++ }), nil, "didn't match"},
		{"no server's", edited(func(a []byte) { a[0] = 4<<3 | 3 }), nil, "mode"},
		{"cut", func(r []byte) []byte { return good(r, 0)[:40] }, nil, "refused"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Server{Name: answerer(t, tt.answer), Now: readClocks}
			r, err := s.Ask(t.Context())
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%+v, %v, want %v %q", r, err, tt.want, tt.says)
			}
		})
	}
}

func TestServerThatIsAbsentOrSilent(t *testing.T) {
	t.Parallel()
	silent := Server{Name: answerer(t, func([]byte) []byte { return nil }), Now: readClocks}
	if _, err := silent.Ask(t.Context()); !errors.Is(err, errNoAnswer) || errors.Is(err, ErrNotSent) {
		t.Errorf("silent: %v", err)
	}
	gone := Server{Name: answerer(t, func([]byte) []byte { return nil }), Now: readClocks}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := gone.Ask(ctx); err == nil || time.Since(began) > 3*time.Second {
		t.Errorf("not ended with its context: %v after %v", err, time.Since(began))
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	closed := Server{Name: conn.LocalAddr().String(), Now: readClocks}
	if _, err := closed.Ask(t.Context()); !errors.Is(err, errNoAnswer) {
		t.Errorf("nothing listens: %v", err)
	}
	unknown := Server{Name: "no.such.host", Now: readClocks, Lookup: func(context.Context, string) ([]netip.Addr, error) {
		return nil, &net.DNSError{Err: "no such host", Name: "no.such.host", IsNotFound: true}
	}}
	if _, err := unknown.Ask(t.Context()); !errors.Is(err, ErrNotSent) {
		t.Errorf("unknown name: %v", err)
	}
}

// A pool names other servers each time; those that said DENY are not asked again.
func TestServerThatDeniesIsNotAskedAgain(t *testing.T) {
	asked := map[string]int{}
	pool := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")}
	denying := answerer(t, func(r []byte) []byte {
		a := good(r, 0)
		a[0], a[1] = a[0]|0xc0, 0
		copy(a[12:], "DENY")
		return a
	})
	willing := answerer(t, func(r []byte) []byte { return good(r, 0) })
	s := Server{
		Name: "pool.example.org", Now: readClocks,
		Lookup: func(context.Context, string) ([]netip.Addr, error) { return pool, nil },
		Dial: func(_ context.Context, to netip.AddrPort) (net.Conn, error) {
			asked[to.String()]++
			if to.Addr() == pool[0] {
				conn, err := net.Dial("udp", denying)
				return named{conn, to}, err
			}
			return net.Dial("udp", willing)
		},
	}
	if _, err := s.Ask(t.Context()); !errors.Is(err, errDenied) {
		t.Errorf("first: %v", err)
	}
	for range 2 {
		if _, err := s.Ask(t.Context()); err != nil {
			t.Errorf("the other one: %v", err)
		}
	}
	pool = pool[:1]
	if _, err := s.Ask(t.Context()); !errors.Is(err, errDenied) || !errors.Is(err, ErrNotSent) {
		t.Errorf("when there is no other: %v", err)
	}
	if asked["127.0.0.1:123"] != 1 || asked["127.0.0.2:123"] != 2 {
		t.Errorf("asked %v", asked)
	}
}

// named is a connection that says it leads elsewhere.
type named struct {
	net.Conn
	to netip.AddrPort
}

func (n named) RemoteAddr() net.Addr { return net.UDPAddrFromAddrPort(n.to) }

func TestServerIsNotThisUnit(t *testing.T) {
	s := Server{Name: "127.0.0.1:11123", Now: readClocks, Own: func(a netip.AddrPort) bool { return a.Port() == 11123 }}
	if _, err := s.Ask(t.Context()); !errors.Is(err, errSelf) {
		t.Errorf("%v, want %v", err, errSelf)
	}
}

func TestQuestionsTellNothingAndComeFromManyPorts(t *testing.T) {
	requests := make(chan []byte, 20)
	addr := answerer(t, func(r []byte) []byte { requests <- append([]byte(nil), r...); return good(r, 0) })
	ports := map[int]bool{}
	s := Server{Name: addr, Now: readClocks, Dial: func(_ context.Context, to netip.AddrPort) (net.Conn, error) {
		conn, err := net.Dial("udp", to.String())
		if err == nil {
			ports[conn.LocalAddr().(*net.UDPAddr).Port] = true
		}
		return conn, err
	}}
	seen := map[string]bool{}
	for range 20 {
		if _, err := s.Ask(t.Context()); err != nil {
			t.Fatal(err)
		}
		r := <-requests
		if len(r) != 48 || r[0] != 4<<3|3 || strings.Trim(string(r[1:40]), "\x00") != "" {
			t.Errorf("the question says more than it must: % x", r)
		}
		seen[string(r[40:])] = true
	}
	if len(ports) < 15 || len(seen) != 20 {
		t.Errorf("%d ports and %d numbers for 20 questions", len(ports), len(seen))
	}
}

func TestReadingsOfASuspendedOrUnreadableClockAreRefused(t *testing.T) {
	addr := answerer(t, func(r []byte) []byte { return good(r, 0) })
	calls := 0
	s := Server{Name: addr, Now: func() (clock.Reading, bool) {
		now, _ := readClocks()
		if calls++; calls == 2 {
			now.Boot += 60_000_000_000
		}
		return now, true
	}}
	if _, err := s.Ask(t.Context()); !errors.Is(err, errSlept) {
		t.Errorf("slept: %v", err)
	}
	s.Now = func() (clock.Reading, bool) { now, _ := readClocks(); return now, false }
	if _, err := s.Ask(t.Context()); !errors.Is(err, errUnreadable) {
		t.Errorf("unreadable: %v", err)
	}
}

func TestConfigValidate(t *testing.T) {
	for _, tt := range []struct {
		servers []string
		want    string // "" = valid
	}{
		{nil, ""},
		{[]string{"ntp.example.org", "192.0.2.1", "192.0.2.1:1123", "[2001:db8::1]:123"}, ""},
		{[]string{"2001:db8::1", "fe80::1%eth0", "time-a.example:123"}, ""},
		{[]string{"a", "b", "c", "d", "e"}, "at most 4"},
		{[]string{"a", "a"}, "given twice"},
		{[]string{""}, "neither a host name"},
		{[]string{"http://a"}, "port out of range"},
		{[]string{"-a"}, "neither a host name"},
		{[]string{"a..b"}, "neither a host name"},
		{[]string{"a b"}, "neither a host name"},
		{[]string{"a:0"}, "port out of range"},
		{[]string{"a:65536"}, "port out of range"},
	} {
		err := Config{tt.servers}.Validate()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.servers, err, tt.want)
		}
	}
}

func TestMain(m *testing.M) {
	time.Local = time.FixedZone("far", 14*3600) // no zone is anybody's business here
	os.Exit(m.Run())
}

// What a server announces goes with its reading.
func TestServerAnnouncesALeapSecond(t *testing.T) {
	now := time.Now()
	for announced, want := range map[beevik.LeapIndicator]clock.Leap{
		beevik.LeapNoWarning: clock.LeapNone, beevik.LeapAddSecond: clock.LeapInsert, beevik.LeapDelSecond: clock.LeapDelete,
	} {
		answer := &beevik.Response{Leap: announced, Stratum: 1, Time: now, ReferenceTime: now}
		r, err := (&Server{}).judge(answer, nil)
		if err != nil || r.Leap != want {
			t.Errorf("%v: %v, %v, want %v", announced, r.Leap, err, want)
		}
	}
}
