package ntp

import (
	"encoding/binary"
	"math/bits"
	"sync"

	"timeball/pps/clock"
)

const (
	exchangeSets  = 8192 // 1.3 MB with their ways
	exchangeWays  = 4
	setsPerClient = 1024 // an eighth of all, so that one address cannot displace the others
	lockStripes   = 64   // locks, each for every 64th set

	// maxPollTime is how long after an answer its receive time may come back: 2^17 s, the longest poll of RFC 5905, 7.2.
	maxPollTime = 1 << 17 // s
)

// Exchanges remembers when answers left, for clients in interleaved mode (RFC 9769, 2). Its memory is fixed: in a set that
// is full the oldest goes, and its client gets a basic answer in between. It may be used by many goroutines.
//
// A client shows that it wants interleaved answers by sending the receive time of the last answer as its origin; nothing
// is kept for others. So the first and the second answer are basic, all later ones interleaved.
type Exchanges struct {
	seed  [2]uint64
	locks [lockStripes]sync.Mutex
	sets  [exchangeSets][exchangeWays]exchange
}

// exchange is one answer.
type exchange struct {
	client  uint64 // a hash of its address
	receive Timestamp
	sent    Timestamp // 0: the way is free
	era     clock.Era // sent means nothing in another one
	asked   bool      // it was asked for, and will be again only if that answer was lost
}

// NewExchanges returns an empty memory; seed is random, so that nobody can choose addresses that fall into one set.
func NewExchanges(seed [2]uint64) *Exchanges { return &Exchanges{seed: seed} }

// Interleaved reports whether the request of a client asks for an interleaved answer at now. RFC 9769, 2: the origin is
// the receive time of an earlier answer, and the two other stamps differ. What cannot be a receive time of ours (see
// Serving.ReceivedAt) costs nothing.
func (q *Request) Interleaved(now Timestamp) bool {
	age := int64(now-q.Origin) >> 32
	return q.Origin&1 == 1 && age >= 0 && age <= maxPollTime && q.Receive != q.Transmit
}

// Keep remembers that the answer to client (its address, for IPv6 of 128 bits) that gave receive left at sent.
func (x *Exchanges) Keep(client [16]byte, receive, sent Timestamp, era clock.Era) {
	hash, set, lock := x.find(client, receive)
	lock.Lock()
	defer lock.Unlock()
	oldest := &set[0]
	for i := range set {
		if e := &set[i]; e.before(oldest) {
			oldest = e
		}
	}
	*oldest = exchange{hash, receive, sent, era, false}
}

// before reports whether e matters less than o: a free way first, then one that was asked for, then the older.
func (e *exchange) before(o *exchange) bool {
	switch {
	case e.sent == 0 || o.sent == 0:
		return e.sent == 0 && o.sent != 0
	case e.asked != o.asked:
		return e.asked
	}
	return int64(e.receive-o.receive) < 0
}

// Sent returns when the answer left that gave client receive, or 0 where that is not known or was in another Era.
func (x *Exchanges) Sent(client [16]byte, receive Timestamp, era clock.Era) Timestamp {
	hash, set, lock := x.find(client, receive)
	lock.Lock()
	defer lock.Unlock()
	for i := range set {
		if e := &set[i]; e.client == hash && e.receive == receive && e.era == era {
			e.asked = true
			return e.sent
		}
	}
	return 0
}

// find returns the hash of a client and the set and lock of one of its answers.
func (x *Exchanges) find(client [16]byte, receive Timestamp) (uint64, *[exchangeWays]exchange, *sync.Mutex) {
	hash := mix(mix(binary.BigEndian.Uint64(client[:8])^x.seed[0]) ^ binary.BigEndian.Uint64(client[8:]) ^ x.seed[1])
	spread, _ := bits.Mul64(mix(uint64(receive)), setsPerClient)
	n := (hash>>32 + spread) % exchangeSets
	return hash, &x.sets[n], &x.locks[n%lockStripes]
}

// mix spreads every bit of v over all others (the finaliser of splitmix64).
func mix(v uint64) uint64 {
	v = (v ^ v>>30) * 0xbf58476d1ce4e5b9
	v = (v ^ v>>27) * 0x94d049bb133111eb
	return v ^ v>>31
}
