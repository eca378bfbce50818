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

// Trailer walks what follows the header of a packet of the given version. It returns the MAC with its key identifier, nil
// when there is none, and reports false when the bytes are neither well-formed extension fields nor a MAC. Fields are
// skipped whatever their type.
func Trailer(rest []byte, version uint8) (mac []byte, ok bool) {
	if version < 4 {
		return legacyTrailer(rest)
	}
	for len(rest) >= minLastField {
		length := int(binary.BigEndian.Uint16(rest[2:]))
		if length < minField || length%4 != 0 || length > len(rest) {
			return nil, false
		}
		rest = rest[length:]
	}
	switch len(rest) {
	case 0:
		return nil, true
	case cryptoNAK, macMD5, macSHA1:
		return rest, true
	}
	return nil, false
}

// legacyTrailer is Trailer for versions 1 to 3, which have no extension fields.
func legacyTrailer(rest []byte) (mac []byte, ok bool) {
	switch len(rest) {
	case 0:
		return nil, true
	case cryptoNAK, macDES, macMD5, macSHA1:
		return rest, true
	}
	return nil, false
}
