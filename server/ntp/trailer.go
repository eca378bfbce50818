package ntp

import "encoding/binary"

// Lengths in bytes. A trailer has no count of its fields: RFC 7822, 7.5 tells a MAC from a field by how much is left.
const (
	minField     = 16 // any extension field, RFC 7822, 7.5
	minLastField = 28 // a field that no MAC follows, RFC 7822, 7.5.1

	cryptoNAK = 4  // a key identifier of zero alone, RFC 5905, 7.3
	macDES    = 12 // key identifier and 64 bits, RFC 1305, appendix A and RFC 1119
	macMD5    = 20 // key identifier and 128 bits; AES-CMAC of RFC 8573 is as long
	macSHA1   = 24 // key identifier and 160 bits
)

// Tail is what follows the header of a packet.
type Tail struct {
	MAC      []byte // with its key identifier; nil: none
	MonoRoot bool   // a field of chrony that asks for MonoRoot
}

// Trailer walks what follows the header of a packet of the given version. It reports false when the bytes are neither
// well-formed extension fields nor a MAC. Fields of unknown type are skipped.
func Trailer(rest []byte, version uint8) (t Tail, ok bool) {
	if version < 4 {
		return legacyTrailer(rest)
	}
	for len(rest) >= minLastField {
		length := int(binary.BigEndian.Uint16(rest[2:]))
		if length < minField || length%4 != 0 || length > len(rest) {
			return Tail{}, false
		}
		t.MonoRoot = t.MonoRoot || isMonoRoot(rest[:length])
		rest = rest[length:]
	}
	switch len(rest) {
	case 0:
		return t, true
	case cryptoNAK, macMD5, macSHA1:
		t.MAC = rest
		return t, true
	}
	return Tail{}, false
}

// legacyTrailer is Trailer for versions 1 to 3, which have no extension fields.
func legacyTrailer(rest []byte) (t Tail, ok bool) {
	switch len(rest) {
	case 0:
		return Tail{}, true
	case cryptoNAK, macDES, macMD5, macSHA1:
		return Tail{MAC: rest}, true
	}
	return Tail{}, false
}
