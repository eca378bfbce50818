package ntp

import (
	"encoding/binary"

	"timeball/pps/clock"
	"timeball/server/leap"
)

// Refusal is why a request gets no answer.
type Refusal uint8

// The refusals. Answered is the zero value; Refusals is how many values there are.
const (
	Answered     Refusal = iota
	TooShort             // less than a header
	BadVersion           // not 1 to 4
	NotClient            // any mode but 3, and so the mode-less requests of version 1 (RFC 1059)
	BadTrailer           // neither extension fields nor a MAC
	UnknownKey           // authenticated, and we have no such key
	TooLong              // longer than any request we know of; found by the socket
	ForeignStamp         // arrived before the clock was stepped; found by the socket
	NoAccess             // the access list does not let this address in
	TooOften             // above the rate limit
	Refusals     = iota
)

var refusalNames = [...]string{
	"answered", "too short", "bad version", "not a client request", "bad trailer", "unknown key",
	"too long", "arrived before a step of the clock", "no access", "too often",
}

// String returns the refusal in plain words.
func (r Refusal) String() string {
	if int(r) < len(refusalNames) {
		return refusalNames[r]
	}
	return "unknown refusal"
}

// Request is a client's request that can be answered.
type Request struct {
	Packet
	MonoRoot bool // asks for chrony's field
}

// Serving is what answers are made of besides their requests. It is good for all that are made at one instant.
type Serving struct {
	ref   *Reference
	now   clock.Reading
	epoch uint32
	doubt Doubt
	Scale
	policy leap.Policy
	header Packet
}

// Serve returns what the answers of a listener with policy p at now are made of. now must be read after ref was loaded,
// which may be nil. epoch is random, one for each start: see MonoRoot.
func Serve(ref *Reference, p leap.Policy, now clock.Reading, epoch uint32) Serving {
	s := Serving{ref: ref, now: now, epoch: epoch, doubt: ref.CheckFor(p, now), Scale: ref.Scale(p, now), policy: p}
	s.header = ref.header(now, &s)
	return s
}

// Doubt returns why the answers are not synchronised, or Certain.
func (s *Serving) Doubt() Doubt { return s.doubt }

// MaxAnswer is the length in bytes of the longest answer: a header and chrony's field.
const MaxAnswer = HeaderLen + monoRootLen

// unknownPrecision is sent while nothing has been published: 1 us, worse than any clock this runs on.
const unknownPrecision = -20

// Parse reads a request, or says why it gets no answer.
func Parse(request []byte) (Request, Refusal) {
	ask, ok := Decode(request)
	switch {
	case !ok:
		return Request{}, TooShort
	case ask.Version < 1 || ask.Version > 4:
		return Request{}, BadVersion
	case ask.Mode != ModeClient:
		return Request{}, NotClient
	}
	tail, ok := Trailer(request[HeaderLen:], ask.Version)
	switch {
	case !ok:
		return Request{}, BadTrailer
	case tail.MAC != nil:
		return Request{}, UnknownKey
	}
	return Request{ask, tail.MonoRoot}, Answered
}

// Reply appends to dst the answer to request, which arrived when the served clock showed received, and returns dst as it
// was with the reason when there is none. now must be read after ref was loaded and right before the answer is sent. ref
// may be nil. The answer is basic and never longer than the request.
func Reply(dst, request []byte, ref *Reference, now clock.Reading, received clock.Real) ([]byte, Refusal) {
	ask, refusal := Parse(request)
	if refusal != Answered {
		return dst, refusal
	}
	s := Serve(ref, leap.Announce, now, 0)
	return ask.Append(dst, &s, received, 0), Answered
}

// Append appends the answer to dst: at most MaxAnswer bytes, and no more than the request has. The request arrived when
// the served clock showed received. sent makes it an interleaved answer: the transmit time of the answer before (see
// Exchanges); it is 0 for a basic one.
func (q *Request) Append(dst []byte, s *Serving, received clock.Real, sent Timestamp) []byte {
	answer := s.header
	answer.Version = q.Version
	answer.Mode = ModeServer
	answer.Poll = q.Poll
	answer.Receive = s.ReceivedAt(received)
	answer.Origin, answer.Transmit = q.Transmit, after(answer.Receive, SentAt(s.Show(s.now.Real)))
	if sent != 0 {
		answer.Origin, answer.Transmit = q.Receive, sent
	}
	dst = answer.Append(dst)
	if !q.MonoRoot {
		return dst
	}
	mono := Timestamp(0) // a smeared clock has another rate than the monotonic one
	if s.policy != leap.Smear {
		mono = TimestampAt(received - (s.now.Real - clock.Real(s.now.Mono)))
	}
	if s.doubt != Certain {
		return appendMonoRoot(dst, 0, MaxDispersion, mono, s.epoch)
	}
	return appendMonoRoot(dst, s.ref.RootDelay, s.ref.DispersionAfter(s.now.Mono.Sub(s.ref.Anchor.Mono)), mono, s.epoch)
}

// SetTransmit makes the basic answer in b say that it leaves when its listener shows at.
func SetTransmit(b []byte, at clock.Real) {
	receive := Timestamp(binary.BigEndian.Uint64(b[32:]))
	binary.BigEndian.PutUint64(b[40:], uint64(after(receive, SentAt(at))))
}

// ReceivedAt returns the receive time of a request that arrived when the served clock showed r. Its last bit, 2^-32 s, is
// set and that of a transmit time is clear, so that the origin of a later request shows whether its client is in interleaved
// mode.
func (s *Serving) ReceivedAt(r clock.Real) Timestamp {
	return TimestampAt(s.Show(min(r, s.now.Real))) | 1
}

// after returns transmit, or the instant after receive: clients drop an answer sent before it was received.
func after(receive, transmit Timestamp) Timestamp {
	if int64(transmit-receive) < 0 {
		return receive + 1
	}
	return transmit
}

// SentAt returns the transmit time of an answer that left when its listener showed r.
func SentAt(r clock.Real) Timestamp {
	if t := TimestampAt(r) &^ 1; t != 0 {
		return t
	}
	return 2 // 0 would read as "unknown"
}

// Header returns the part of an answer at now that does not depend on the request, of a listener that announces. r may be
// nil.
func (r *Reference) Header(now clock.Reading) Packet {
	return r.header(now, &Serving{doubt: r.Check(now), policy: leap.Announce})
}

// header is Header for a listener that serves s.
func (r *Reference) header(now clock.Reading, s *Serving) Packet {
	if s.doubt != Certain {
		p := Packet{Leap: LeapUnsynchronised, Precision: unknownPrecision, RootDispersion: ShortUp(MaxDispersion)}
		if r != nil {
			p.Precision = r.Precision
		}
		return p
	}
	p := Packet{
		Leap:           LeapNone,
		Stratum:        r.Stratum,
		Precision:      r.Precision,
		RootDelay:      ShortUp(r.RootDelay),
		RootDispersion: ShortUp(r.DispersionAfter(now.Mono.Sub(r.Anchor.Mono))),
		ReferenceID:    r.ReferenceID,
	}
	if s.policy == leap.Announce {
		p.Leap = r.leapIndicator(now.Real)
	}
	if r.ReferenceAt != 0 {
		p.Reference = TimestampAt(s.Show(min(r.ReferenceAt+r.leapt(now), now.Real)))
	}
	return p
}

// AppendKiss appends the kiss-o'-death packet RATE of RFC 5905, 7.4 that asks the client to poll no faster than 2^poll
// seconds. It tells no time: its stamps are those of the client, as RFC 8633, 5.4 and ntpd have it, and a client that did
// not ask does not find its own transmit time in it.
func (q *Request) AppendKiss(dst []byte, poll int8) []byte {
	kiss := Packet{
		Leap: LeapUnsynchronised, Version: q.Version, Mode: ModeServer, Poll: max(q.Poll, poll), Precision: unknownPrecision,
		ReferenceID: [4]byte{'R', 'A', 'T', 'E'}, Origin: q.Transmit, Receive: q.Transmit, Transmit: q.Transmit,
	}
	return kiss.Append(dst)
}
