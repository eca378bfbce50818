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
	Refusals     = iota
)

var refusalNames = [...]string{
	"answered", "too short", "bad version", "not a client request", "bad trailer", "unknown key",
	"too long", "arrived before a step of the clock",
}

// String returns the refusal in plain words.
func (r Refusal) String() string {
	if int(r) < len(refusalNames) {
		return refusalNames[r]
	}
	return "unknown refusal"
}

// unknownPrecision is sent while nothing has been published: 1 us, worse than any clock this runs on.
const unknownPrecision = -20

// Reply appends to dst the answer to request, which arrived when the served clock showed received, and returns dst as it
// was with the reason when there is none. now must be read after ref was loaded and right before the answer is sent. ref
// may be nil. The answer is never longer than the request.
func Reply(dst, request []byte, ref *Reference, now clock.Reading, received clock.Real) ([]byte, Refusal) {
	ask, ok := Decode(request)
	switch {
	case !ok:
		return dst, TooShort
	case ask.Version < 1 || ask.Version > 4:
		return dst, BadVersion
	case ask.Mode != ModeClient:
		return dst, NotClient
	}
	mac, ok := Trailer(request[HeaderLen:], ask.Version)
	switch {
	case !ok:
		return dst, BadTrailer
	case mac != nil:
		return dst, UnknownKey
	}
	answer := header(ref, now)
	answer.Version = ask.Version
	answer.Mode = ModeServer
	answer.Poll = ask.Poll
	answer.Origin = ask.Transmit
	answer.Receive = TimestampAt(min(received, now.Real)) // clients drop an answer sent before it was received
	answer.Transmit = TimestampAt(now.Real)
	return answer.Append(dst), Answered
}

// header returns the part of an answer that does not depend on the request.
func header(ref *Reference, now clock.Reading) Packet {
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
		RootDispersion: ShortUp(ref.DispersionAfter(now.Mono.Sub(ref.Anchor.Mono))),
		ReferenceID:    ref.ReferenceID,
	}
	if ref.ReferenceAt != 0 {
		p.Reference = TimestampAt(min(ref.ReferenceAt, now.Real))
	}
	return p
}
