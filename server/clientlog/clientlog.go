// Package clientlog remembers who asked, in fixed memory, and limits how often.
//
// The rule. A client is an address with a port; it may ask Limit.PerSecond times a second in the long run and Burst times
// at once. All clients of one address, or of one IPv6 network of 64 bits, share Gateway times as much: so many clients
// behind one gateway have each their own share, and one of them that floods costs the others nothing until they use up
// what the address has. Of what is above the limit one request in Leak is answered all the same, so that someone who sends
// in the name of another cannot keep that one from the time altogether.
//
// Times are clock.Mono and come with each request. When a table is full the entry that matters least goes: a bucket that
// is nearly empty, a record that was not seen for longest. What is forgotten begins anew with a full burst.
package clientlog

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
	"sync"

	"timeball/pps/clock"
)

const (
	// Burst is how many requests a client may send at once: four of the longest bursts clients make (iburst of ntpd, 8).
	Burst = 32
	// Gateway is how many times its share all clients of one address have together.
	Gateway = 64
	// gatewayBurst is what they may send at once: 1024 clients that start together, each with a burst of 8.
	gatewayBurst = 8192
	// Leak is how many requests above the limit there are for one that is answered.
	Leak = 16

	kissEvery clock.Mono = 1_000_000_000 // ns between kisses to one address, as ntpd has it

	stripes     = 64   // locks
	addressSets = 2048 // of addressWays: 8192 addresses in 0.7 MB
	addressWays = 4
	portSets    = 8192 // of portWays: 32,768 clients in 0.5 MB
	portWays    = 4
)

// Verdict is what becomes of a request.
type Verdict uint8

// The verdicts.
const (
	Serve  Verdict = iota
	Refuse         // above the limit
	Kiss           // above the limit, and the client may be told
)

// Sighting is what is noted of a request.
type Sighting struct {
	Version, Mode uint8
	Interleaved   bool
}

// Client is what is known of one address or IPv6 network of 64 bits.
type Client struct {
	Prefix      netip.Prefix
	First, Last clock.Mono
	Requests    uint64
	Limited     uint64        // requests among them above the limit
	Interval    clock.Seconds // between requests, mean of about the last eight; 0 after one
	Sighting                  // of the last request
}

// record is a Client in the table.
type record struct {
	high, low       uint64 // the address; low is 0 for IPv6, whose networks are told apart
	first, last     clock.Mono
	empty           clock.Mono // when the address's bucket will be empty
	requests        uint64     // 0: free
	limited         uint64
	kissed          clock.Mono
	interval        float32 // s
	version, mode   uint8
	interleaved, v4 bool
}

// bucket is that of one client: the instant at which it will be empty says how full it is (ITU-T I.371, virtual
// scheduling).
type bucket struct {
	key   uint64
	empty clock.Mono
}

// stripe is the lock of every 64th set, and its own random numbers.
type stripe struct {
	sync.Mutex
	random uint64
	_      [48]byte // a cache line of its own
}

// Log is the table. It may be used by many goroutines.
type Log struct {
	interval  clock.Mono // between requests of one client at the limit; 0: there is none
	seed      uint64
	stripes   [stripes]stripe
	addresses [addressSets][addressWays]record
	ports     [portSets][portWays]bucket
}

// New returns an empty Log that allows perSecond requests a second to each client, any number where it is 0. seed is
// random, so that nobody can choose addresses that fall into one set.
func New(perSecond float64, seed uint64) *Log {
	l := &Log{seed: seed}
	if perSecond > 0 {
		l.interval = max(1, clock.Mono(1e9/perSecond))
	}
	for i := range l.stripes {
		l.stripes[i].random = mix(seed+uint64(i)) | 1
	}
	return l
}

// Note takes in a request and says whether it is to be answered.
func (l *Log) Note(from netip.AddrPort, now clock.Mono, s Sighting) Verdict {
	high, low := key(from.Addr())
	hash := mix(mix(high^l.seed) ^ low)
	port := mix(hash ^ uint64(from.Port()))
	lock := &l.stripes[hash%stripes]
	lock.Lock()
	defer lock.Unlock()
	r := l.record(hash, high, low, now)
	r.note(now, s)
	r.v4 = from.Addr().Unmap().Is4()
	if l.interval == 0 {
		return Serve
	}
	// Both tables use the lock of the address: the set of the port has the same number but for its upper bits.
	set := &l.ports[hash%stripes|port>>8%(portSets/stripes)*stripes]
	b := find(set, port, now)
	if take(&b.empty, now, l.interval, Burst) {
		if take(&r.empty, now, max(1, l.interval/Gateway), gatewayBurst) {
			return Serve
		}
		b.empty -= l.interval // not served: it costs the client nothing
	}
	r.limited++
	return l.above(lock, r, now)
}

// above decides about a request above the limit.
func (l *Log) above(lock *stripe, r *record, now clock.Mono) Verdict {
	lock.random ^= lock.random << 13 // xorshift64
	lock.random ^= lock.random >> 7
	lock.random ^= lock.random << 17
	high, _ := bits.Mul64(lock.random, Leak)
	switch {
	case high == 0:
		return Serve
	case r.kissed == 0 || now-r.kissed >= kissEvery:
		r.kissed = now
		return Kiss
	}
	return Refuse
}

// take puts one request into a bucket that leaks one each interval and holds burst of them, if there is room.
func take(empty *clock.Mono, now, interval clock.Mono, burst int) bool {
	after := max(*empty, now) + interval
	if after-now > clock.Mono(burst)*interval {
		return false
	}
	*empty = after
	return true
}

// find returns the bucket of key in its set; the one that is emptiest makes room for a new one.
func find(set *[portWays]bucket, key uint64, now clock.Mono) *bucket {
	emptiest := &set[0]
	for i := range set {
		if set[i].key == key {
			return &set[i]
		}
		if set[i].empty < emptiest.empty {
			emptiest = &set[i]
		}
	}
	*emptiest = bucket{key, now}
	return emptiest
}

// record returns the record of an address; the one that was not seen for longest makes room for a new one.
func (l *Log) record(hash, high, low uint64, now clock.Mono) *record {
	set := &l.addresses[hash%addressSets]
	oldest := &set[0]
	for i := range set {
		r := &set[i]
		if r.requests != 0 && r.high == high && r.low == low {
			return r
		}
		if oldest.requests != 0 && (r.requests == 0 || r.last < oldest.last) {
			oldest = r
		}
	}
	*oldest = record{high: high, low: low, first: now, last: now, empty: now}
	return oldest
}

// note counts a request.
func (r *record) note(now clock.Mono, s Sighting) {
	const share = 8 // the last request's share of the mean
	if r.requests > 0 {
		since := float32(now.Sub(r.last))
		if r.requests == 1 {
			r.interval = since
		}
		r.interval += (since - r.interval) / share
	}
	r.requests++
	r.last = max(r.last, now)
	r.version, r.mode, r.interleaved = s.Version, s.Mode, s.Interleaved
}

// Clients returns all that is remembered, the last seen first.
func (l *Log) Clients() []Client {
	var all []Client
	for n := range l.addresses {
		lock := &l.stripes[n%stripes]
		lock.Lock()
		for i := range l.addresses[n] {
			if r := &l.addresses[n][i]; r.requests > 0 {
				all = append(all, r.client())
			}
		}
		lock.Unlock()
	}
	slices.SortFunc(all, func(a, b Client) int {
		if a.Last != b.Last {
			return int(min(max(b.Last-a.Last, -1), 1))
		}
		return a.Prefix.Addr().Compare(b.Prefix.Addr())
	})
	return all
}

func (r *record) client() Client {
	return Client{
		Prefix: r.prefix(), First: r.first, Last: r.last, Requests: r.requests, Limited: r.limited,
		Interval: clock.Seconds(r.interval), Sighting: Sighting{r.version, r.mode, r.interleaved},
	}
}

func (r *record) prefix() netip.Prefix {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], r.high)
	binary.BigEndian.PutUint64(b[8:], r.low)
	if a := netip.AddrFrom16(b); r.v4 {
		return netip.PrefixFrom(a.Unmap(), 32)
	}
	return netip.PrefixFrom(netip.AddrFrom16(b), 64)
}

// key returns what tells an address from others: of IPv6 the network of 64 bits, as a host has all addresses of one.
func key(a netip.Addr) (high, low uint64) {
	b := a.As16()
	high = binary.BigEndian.Uint64(b[:])
	if a.Unmap().Is4() {
		low = binary.BigEndian.Uint64(b[8:])
	}
	return high, low
}

// mix spreads every bit of v over all others (the finaliser of splitmix64).
func mix(v uint64) uint64 {
	v = (v ^ v>>30) * 0xbf58476d1ce4e5b9
	v = (v ^ v>>27) * 0x94d049bb133111eb
	return v ^ v>>31
}
