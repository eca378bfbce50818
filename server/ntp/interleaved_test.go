package ntp

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"timeball/pps/clock"
	"timeball/server/leap"
)

var home = [16]byte{10: 0xff, 11: 0xff, 12: 192, 13: 0, 14: 2, 15: 1}

// asking is a request with the three stamps of a client.
func asking(origin, receive, transmit Timestamp) Request {
	return Request{Packet: Packet{Version: 4, Mode: ModeClient, Origin: origin, Receive: receive, Transmit: transmit}}
}

// The exchange of RFC 9769, figure 2: the second request names the first answer's receive time, the third gets the time the
// second answer really left.
func TestInterleavedFromTheThirdAnswerOn(t *testing.T) {
	x, ref := NewExchanges([2]uint64{1, 2}), reference()
	var last Timestamp // receive time of the last answer
	for k := range int64(6) {
		now := later(k * 500_000_000)
		q := asking(last, Timestamp(1000*k), Timestamp(1000*k+7))
		s, sent := Serve(&ref, leap.Announce, now, 0), Timestamp(0)
		wants := q.Interleaved(TimestampAt(now.Real))
		if wants {
			sent = x.Sent(home, q.Origin, now.Era)
		}
		p, _ := Decode(q.Append(nil, &s, now.Real-20_000, sent))
		receive := s.ReceivedAt(now.Real - 20_000)
		left := SentAt(now.Real + 30_000)
		if wants {
			x.Keep(home, receive, left, now.Era)
		}
		before := later((k-1)*500_000_000).Real + 30_000
		switch {
		case k < 2 && (p.Origin != q.Transmit || p.Transmit != SentAt(now.Real)):
			t.Errorf("answer %d is not basic: %+v", k+1, p)
		case k >= 2 && (p.Origin != q.Receive || p.Transmit != SentAt(before)):
			t.Errorf("answer %d: origin %x, transmit %x, want %x, %x", k+1, p.Origin, p.Transmit, q.Receive, SentAt(before))
		}
		if p.Receive != receive {
			t.Errorf("answer %d: receive %x, want %x", k+1, p.Receive, receive)
		}
		last = p.Receive
	}
}

func TestInterleavedNeedsAnOriginOfOurs(t *testing.T) {
	now := TimestampAt(noon)
	const s = 1 << 32
	tests := []struct {
		name string
		q    Request
		want bool
	}{
		{"a receive time", asking(now-s|1, 5, 6), true},
		{"a transmit time", asking((now-s)&^1, 5, 6), false},
		{"none", asking(0, 5, 6), false},
		{"the longest poll", asking(now-maxPollTime*s|1, 5, 6), true},
		{"older", asking(now-(maxPollTime+2)*s|1, 5, 6), false},
		{"of the future", asking(now+s|1, 5, 6), false},
		{"two stamps alike, RFC 9769, 2", asking(now-s|1, 5, 5), false},
	}
	for _, tt := range tests {
		if got := tt.q.Interleaved(now); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	// Across the change of the NTP era in 2036.
	if q := asking(math.MaxUint64, 5, 6); !q.Interleaved(3) {
		t.Error("not across the change of the era")
	}
}

func TestExchangesForgetTheEra(t *testing.T) {
	x := NewExchanges([2]uint64{3, 4})
	x.Keep(home, 101, 200, 7)
	other := home
	other[15]++
	for _, tt := range []struct {
		name    string
		client  [16]byte
		receive Timestamp
		era     clock.Era
		want    Timestamp
	}{
		{"its own", home, 101, 7, 200},
		{"after a step", home, 101, 8, 0},
		{"another answer", home, 103, 7, 0},
		{"another client", other, 101, 7, 0},
	} {
		if got := x.Sent(tt.client, tt.receive, tt.era); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// One address that wants interleaved answers as fast as it can does not cost the others theirs; and of many clients most
// keep theirs: 10,000 in 32,768 ways of sets of 4.
func TestExchangesAreShared(t *testing.T) {
	x, random := NewExchanges([2]uint64{5, 6}), rand.New(rand.NewPCG(1, 2))
	address := func(n int) (a [16]byte) {
		binary.BigEndian.PutUint32(a[12:], uint32(n))
		return a
	}
	const clients = 10_000
	for n := range clients {
		x.Keep(address(n), Timestamp(n)<<32|1, 2, 0)
	}
	for n := range 100_000 {
		x.Keep(home, Timestamp(clients+n)<<32|Timestamp(random.Uint32())|1, 2, 0)
	}
	lost := 0
	for n := range clients {
		if x.Sent(address(n), Timestamp(n)<<32|1, 0) == 0 {
			lost++
		}
	}
	// The flooder's 1024 sets of 8192 hold 12.5 % of them; sets of 4 at a load of 1.22 overflow for 0.9 %.
	if lost > clients*15/100 {
		t.Errorf("%d of %d answers forgotten", lost, clients)
	}
}

func TestExchangesKeepTheNewest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := NewExchanges([2]uint64{rapid.Uint64().Draw(t, "seed"), 1})
		n := rapid.IntRange(1, 2000).Draw(t, "answers")
		for k := range n {
			x.Keep(home, Timestamp(k)<<20|1, Timestamp(2*k+2), 0)
		}
		for k := max(0, n-exchangeWays); k < n; k++ {
			if got := x.Sent(home, Timestamp(k)<<20|1, 0); got != Timestamp(2*k+2) {
				t.Fatalf("answer %d of %d: %v", k, n, got)
			}
		}
	})
}

// What was asked for makes room first: many clients of one address that poll in turn all keep theirs.
func TestExchangesKeepWhatWillBeAskedFor(t *testing.T) {
	const clients, polls = 500, 50
	x, last, lost := NewExchanges([2]uint64{7, 8}), [clients]Timestamp{}, 0
	for k := range Timestamp(clients * polls) {
		if c := k % clients; last[c] != 0 && x.Sent(home, last[c], 0) == 0 {
			lost++
		}
		last[k%clients] = k<<32 | 1
		x.Keep(home, last[k%clients], 2, 0)
	}
	if lost > clients*polls*3/1000 { // sets of 4 at a load of 0.49 overflow for 0.17 %
		t.Errorf("%d of %d answers forgotten", lost, clients*polls)
	}
}

// Clients that poll often do not cost those that poll seldom their answers: what was asked for makes room.
func TestExchangesKeepWhatSlowClientsWillAskFor(t *testing.T) {
	const slow, fast, polls = 200, 100, 400
	x, at, lost := NewExchanges([2]uint64{9, 10}), Timestamp(0), 0
	keep := func() Timestamp { at += 1 << 32; x.Keep(home, at|1, 2, 0); return at | 1 }
	var seldom [slow]Timestamp
	for i := range seldom {
		seldom[i] = keep()
	}
	var often [fast]Timestamp
	for range polls {
		for i := range often {
			x.Sent(home, often[i], 0)
			often[i] = keep()
		}
	}
	for _, receive := range seldom {
		if x.Sent(home, receive, 0) == 0 {
			lost++
		}
	}
	if lost > slow/10 { // by age alone all are gone: 40,000 answers in 4096 ways
		t.Errorf("%d of %d answers forgotten", lost, slow)
	}
}

func TestExchangesDoNotAllocate(t *testing.T) {
	x := NewExchanges([2]uint64{1, 2})
	if n := testing.AllocsPerRun(100, func() { x.Keep(home, 1, 2, 0); x.Sent(home, 1, 0) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

const asksMonoRoot = "f323001c f5bedd9a 00000000 00000000 00000000 00000000 00000000"

// The field as chronyd 4.3 sends and answers it.
func TestMonoRootOnlyWhenAsked(t *testing.T) {
	ref := reference()
	ref.RootDelay = 1e-6
	s := Serve(&ref, leap.Announce, later(0), 0xc0ffee00)
	tests := []struct{ name, trailer, want string }{
		// 2^-28 s is 3.725 ns: 1 us is 269 of them, 300 ns and 2^-23 s are 80.53 + 32, and CLOCK_MONOTONIC was 4.75 s.
		{"asked", asksMonoRoot, "f323001c f5bedd9a 0000010d 00000071 83aa7e84 c0000000 c0ffee00"},
		{"asked after another field", "01040010" + strings.Repeat("00", 12) + asksMonoRoot, "f323001c f5bedd9a 0000010d 00000071 83aa7e84 c0000000 c0ffee00"},
		{"not asked", "", ""},
		{"another magic", strings.Replace(asksMonoRoot, "f5bedd9a", "07ac2ceb", 1), ""},
		{"another length", strings.Replace(asksMonoRoot, "001c", "0020", 1) + "00000000", ""},
	}
	for _, tt := range tests {
		q, refusal := Parse(append(request(t, "23"), unhex(t, tt.trailer)...))
		if refusal != Answered {
			t.Fatalf("%s: %v", tt.name, refusal)
		}
		if got := q.Append(nil, &s, noon-250_000_000, 0)[HeaderLen:]; !bytes.Equal(got, unhex(t, tt.want)) {
			t.Errorf("%s: %x, want %s", tt.name, got, tt.want)
		}
	}
	ref.Synchronised = false
	s = Serve(&ref, leap.Announce, later(0), 0xc0ffee00)
	q, _ := Parse(append(request(t, "23"), unhex(t, asksMonoRoot)...))
	if got := q.Append(nil, &s, noon, 0)[HeaderLen+8 : HeaderLen+16]; !bytes.Equal(got, unhex(t, "00000000 ffffffff")) {
		t.Errorf("not synchronised: delay and dispersion %x", got)
	}
}

func TestFineUpRoundsUp(t *testing.T) {
	for _, tt := range []struct {
		s    clock.Seconds
		want uint32
	}{
		{-1, 0},
		{0, 0},
		{1e-9, 1},
		{4e-9, 2},
		{1.0 / (1 << 28), 1},
		{8, 1 << 31},
		{16, math.MaxUint32},
		{clock.Seconds(math.NaN()), math.MaxUint32},
	} {
		if got := fineUp(tt.s); got != tt.want {
			t.Errorf("fineUp(%v) = %d, want %d", tt.s, got, tt.want)
		}
	}
}

func TestKissTellsNoTime(t *testing.T) {
	q, _ := Parse(request(t, "1b"))
	got := q.AppendKiss(nil, 8)
	want := unhex(t, "dc 00 08 ec 00000000 00000000 52415445 00000000 00000000 0123456789abcdef 0123456789abcdef 0123456789abcdef")
	if !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
	q.Poll = 10
	if p, _ := Decode(q.AppendKiss(nil, 8)); p.Poll != 10 {
		t.Errorf("poll %d, want the client's 10", p.Poll)
	}
}
