// Package control answers the read-only part of NTP's control messages, mode 6 (RFC 9327), which ntpq sends: the list of
// sources, the variables of the server and of each source. It also asks and reads such answers, for timeball sources.
//
// Times on the wire are milliseconds, with nanoseconds behind the point, as ntpd has them; inside they are seconds. Nothing
// can be changed: an operation that would is answered with an error. An answer may be longer than its request, so it must
// go only to who is trusted; what is no well-formed request gets none. Nothing here reads a clock or opens anything.
package control

import (
	"encoding/binary"
	"slices"
	"strings"
)

// Operations of RFC 9327, 2 that are answered.
const (
	readStatus    = 1
	readVariables = 2
)

// Lengths in bytes.
const (
	headerLen = 12
	maxData   = 468 // of one fragment, RFC 9327, 2

	// MaxPacket is the length of the longest fragment.
	MaxPacket = headerLen + maxData

	maxRequest = headerLen + maxData + 4 + 64 // with padding and a MAC, which is not looked at
)

// Bits of the second byte.
const (
	isResponse = 0x80
	isError    = 0x40
	hasMore    = 0x20
)

// The error codes of RFC 9327, 3.
const (
	badFormat       = 2
	badOperation    = 3
	badAssociation  = 4
	unknownVariable = 5
)

// message is one packet.
type message struct {
	version     byte
	flags       byte
	operation   byte
	sequence    uint16
	status      uint16
	association uint16
	offset      uint16
	data        []byte
}

// read reads a packet; ok is false when it is none of mode 6 or its length is not what it says.
func read(b []byte) (m message, ok bool) {
	if len(b) < headerLen || b[0]&7 != 6 {
		return m, false
	}
	count := int(binary.BigEndian.Uint16(b[10:]))
	if count > maxData || len(b) < headerLen+count {
		return m, false
	}
	return message{
		version: b[0] >> 3 & 7, flags: b[1] &^ 0x1f, operation: b[1] & 0x1f, sequence: binary.BigEndian.Uint16(b[2:]),
		status: binary.BigEndian.Uint16(b[4:]), association: binary.BigEndian.Uint16(b[6:]), offset: binary.BigEndian.Uint16(b[8:]),
		data: b[headerLen : headerLen+count],
	}, true
}

// append appends the packet, padded to whole words.
func (m *message) append(dst []byte) []byte {
	dst = append(dst, m.version<<3|6, m.flags|m.operation)
	for _, v := range []uint16{m.sequence, m.status, m.association, m.offset, uint16(len(m.data))} {
		dst = binary.BigEndian.AppendUint16(dst, v)
	}
	dst = append(dst, m.data...)
	for len(dst)%4 != 0 {
		dst = append(dst, 0)
	}
	return dst
}

// Request reports whether b is a well-formed request, of versions 1 to 4.
func Request(b []byte) bool {
	m, ok := read(b)
	return ok && m.flags == 0 && m.version >= 1 && m.version <= 4 && m.offset == 0 && len(b) <= maxRequest
}

// Answer returns the packets that answer a request for which Request is true.
func Answer(request []byte, s *State) [][]byte {
	m, _ := read(request)
	m.flags = isResponse
	switch m.operation {
	case readStatus:
		return m.sources(s)
	case readVariables:
		return m.variables(s)
	}
	return m.fail(badOperation)
}

// sources answers the list of sources, or the variables of one of them.
func (m *message) sources(s *State) [][]byte {
	if m.association != 0 {
		return m.variables(s)
	}
	m.status = s.System.status()
	var list []byte
	for i := range s.Sources {
		list = binary.BigEndian.AppendUint16(list, s.Sources[i].ID)
		list = binary.BigEndian.AppendUint16(list, s.Sources[i].status())
	}
	return m.fragments(list)
}

// variables answers those that are asked for, or all.
func (m *message) variables(s *State) [][]byte {
	all := s.System.variables
	m.status = s.System.status()
	if m.association != 0 {
		i := slices.IndexFunc(s.Sources, func(o Source) bool { return o.ID == m.association })
		if i < 0 {
			return m.fail(badAssociation)
		}
		m.status, all = s.Sources[i].status(), s.Sources[i].variables
	}
	found, ok := chosen(all(), string(m.data))
	if !ok {
		return m.fail(unknownVariable)
	}
	var text strings.Builder
	for i, v := range found {
		if i > 0 {
			text.WriteString(", ")
		}
		text.WriteString(v.name + "=" + v.value)
	}
	text.WriteString("\r\n")
	return m.fragments([]byte(text.String()))
}

// chosen returns the variables that names asks for, in its order; all where it names none.
func chosen(all []variable, names string) ([]variable, bool) {
	names = strings.Trim(names, " \t\r\n\x00")
	if names == "" {
		return all, true
	}
	var found []variable
	for name := range strings.SplitSeq(names, ",") {
		name, _, _ = strings.Cut(strings.TrimSpace(name), "=")
		i := slices.IndexFunc(all, func(v variable) bool { return v.name == name })
		if i < 0 || len(found) == len(all) { // a name may come twice, but not for ever
			return nil, false
		}
		found = append(found, all[i])
	}
	return found, true
}

// fragments divides data among packets.
func (m *message) fragments(data []byte) [][]byte {
	var packets [][]byte
	for {
		m.offset += uint16(len(m.data))
		if len(packets) == 0 {
			m.offset = 0
		}
		m.data = data[:min(len(data), maxData)]
		data = data[len(m.data):]
		m.flags = isResponse
		if len(data) > 0 {
			m.flags |= hasMore
		}
		packets = append(packets, m.append(make([]byte, 0, MaxPacket)))
		if len(data) == 0 {
			return packets
		}
	}
}

// fail answers with an error.
func (m *message) fail(code uint16) [][]byte {
	m.flags, m.status, m.data = isResponse|isError, code<<8, nil
	return [][]byte{m.append(nil)}
}
