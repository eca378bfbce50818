package ntp

import "timeball/pps/clock"

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

// Serving is what an answer is made of besides its request.
type Serving struct {
	Reference *Reference    // may be nil
	Now       clock.Reading // read after Reference was loaded and right before the answer is sent
	Received  clock.Real    // when the request arrived
	Sent      Timestamp     // for an interleaved answer: when the answer before left (see Exchanges); 0: a basic answer
	Epoch     uint32        // random, one for each start: see MonoRoot
}

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
	return ask.Append(dst, Serving{Reference: ref, Now: now, Received: received}), Answered
}

// Append appends the answer to dst: at most MaxAnswer bytes, and no more than the request has.
func (q *Request) Append(dst []byte, s Serving) []byte {
	answer := s.header()
	answer.Version = q.Version
	answer.Mode = ModeServer
	answer.Poll = q.Poll
	answer.Receive, answer.Transmit = s.Stamps()
	answer.Origin = q.Transmit
	if s.Sent != 0 {
		answer.Origin, answer.Transmit = q.Receive, s.Sent
	}
	dst = answer.Append(dst)
	if !q.MonoRoot {
		return dst
	}
	mono := TimestampAt(s.Received - (s.Now.Real - clock.Real(s.Now.Mono)))
	if s.Reference.Check(s.Now) != Certain {
		return appendMonoRoot(dst, 0, MaxDispersion, mono, s.Epoch)
	}
	return appendMonoRoot(dst, s.Reference.RootDelay, s.Reference.DispersionAfter(s.since()), mono, s.Epoch)
}

// Stamps returns the receive and the transmit time of a basic answer. Clients drop an answer sent before it was received.
// The last bit, 2^-32 s, tells which is which: it is set in a receive time and clear in a transmit time, so that the
// origin of a later request shows whether its client is in interleaved mode.
func (s *Serving) Stamps() (receive, transmit Timestamp) {
	receive = TimestampAt(min(s.Received, s.Now.Real)) | 1
	transmit = SentAt(s.Now.Real)
	if int64(transmit-receive) < 0 {
		transmit = receive + 1
	}
	return receive, transmit
}

// SentAt returns the transmit time of an answer that left when the served clock showed r.
func SentAt(r clock.Real) Timestamp {
	if t := TimestampAt(r) &^ 1; t != 0 {
		return t
	}
	return 2 // 0 would read as "unknown"
}

// since returns the time since the Reference was published.
func (s *Serving) since() clock.Seconds { return s.Now.Mono.Sub(s.Reference.Anchor.Mono) }

// header returns the part of an answer that does not depend on the request.
func (s *Serving) header() Packet {
	ref, now := s.Reference, s.Now
	if ref.Check(now) != Certain {
		p := Packet{Leap: LeapUnsynchronised, Precision: unknownPrecision, RootDispersion: ShortUp(MaxDispersion)}
		if ref != nil {
			p.Precision = ref.Precision
		}
		return p
	}
	p := Packet{
		Leap:           ref.leapIndicator(now.Real),
		Stratum:        ref.Stratum,
		Precision:      ref.Precision,
		RootDelay:      ShortUp(ref.RootDelay),
		RootDispersion: ShortUp(ref.DispersionAfter(s.since())),
		ReferenceID:    ref.ReferenceID,
	}
	if ref.ReferenceAt != 0 {
		p.Reference = TimestampAt(min(ref.ReferenceAt, now.Real))
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
