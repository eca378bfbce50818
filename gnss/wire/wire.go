// Package wire reads and writes the little-endian fields of binary receiver messages, UBX and CASIC.
//
// A message names its fields once, in order; the same list reads a payload into the struct and writes the struct as a
// payload, so that the two can't differ. Nothing here knows what a field means. A payload that ends early leaves the
// fields behind its end as they were and is told by Short.
package wire

import (
	"encoding/binary"
	"math"
)

// Codec reads or writes the fields of one payload, one after another. Use Read or Append.
type Codec struct {
	b     []byte
	at    int // of the next field, when reading
	write bool
	short bool
}

// Read returns a Codec that reads payload.
func Read(payload []byte) Codec { return Codec{b: payload} }

// Append returns a Codec that appends to dst.
func Append(dst []byte) Codec { return Codec{b: dst, write: true} }

// Bytes returns what was read from or appended to.
func (c *Codec) Bytes() []byte { return c.b }

// Short reports whether the payload ended before a field.
func (c *Codec) Short() bool { return c.short }

// Writing reports whether fields are written.
func (c *Codec) Writing() bool { return c.write }

// Left returns how many bytes have not been read.
func (c *Codec) Left() int { return len(c.b) - c.at }

// next returns the n bytes of the field to be read, nil when the payload ends before.
func (c *Codec) next(n int) []byte {
	if len(c.b)-c.at < n {
		c.short = true
		return nil
	}
	c.at += n
	return c.b[c.at-n : c.at]
}

// U1 is an unsigned field of one byte.
func (c *Codec) U1(v *uint8) {
	if c.write {
		c.b = append(c.b, *v)
	} else if f := c.next(1); f != nil {
		*v = f[0]
	}
}

// U2 is an unsigned field of two bytes.
func (c *Codec) U2(v *uint16) {
	if c.write {
		c.b = binary.LittleEndian.AppendUint16(c.b, *v)
	} else if f := c.next(2); f != nil {
		*v = binary.LittleEndian.Uint16(f)
	}
}

// U4 is an unsigned field of four bytes.
func (c *Codec) U4(v *uint32) {
	if c.write {
		c.b = binary.LittleEndian.AppendUint32(c.b, *v)
	} else if f := c.next(4); f != nil {
		*v = binary.LittleEndian.Uint32(f)
	}
}

// U8 is an unsigned field of eight bytes.
func (c *Codec) U8(v *uint64) {
	if c.write {
		c.b = binary.LittleEndian.AppendUint64(c.b, *v)
	} else if f := c.next(8); f != nil {
		*v = binary.LittleEndian.Uint64(f)
	}
}

// I1 is a signed field of one byte.
func (c *Codec) I1(v *int8) {
	u := uint8(*v)
	c.U1(&u)
	*v = int8(u)
}

// I2 is a signed field of two bytes.
func (c *Codec) I2(v *int16) {
	u := uint16(*v)
	c.U2(&u)
	*v = int16(u)
}

// I4 is a signed field of four bytes.
func (c *Codec) I4(v *int32) {
	u := uint32(*v)
	c.U4(&u)
	*v = int32(u)
}

// R4 is an IEEE 754 number of four bytes.
func (c *Codec) R4(v *float32) {
	u := math.Float32bits(*v)
	c.U4(&u)
	*v = math.Float32frombits(u)
}

// R8 is an IEEE 754 number of eight bytes.
func (c *Codec) R8(v *float64) {
	u := math.Float64bits(*v)
	c.U8(&u)
	*v = math.Float64frombits(u)
}

// Raw is a field of len(v) bytes.
func (c *Codec) Raw(v []byte) {
	if c.write {
		c.b = append(c.b, v...)
	} else if f := c.next(len(v)); f != nil {
		copy(v, f)
	}
}

// Text is a field of n bytes that holds text and ends with the first zero byte. What is longer is cut when written.
func (c *Codec) Text(v *string, n int) {
	if c.write {
		s := (*v)[:min(len(*v), n)]
		c.b = append(c.b, s...)
		c.Skip(n - len(s))
		return
	}
	f := c.next(n)
	for i, x := range f {
		if x == 0 {
			f = f[:i]
			break
		}
	}
	*v = string(f)
}

// Skip is n reserved bytes: they are written as zeros and not read.
func (c *Codec) Skip(n int) {
	if !c.write {
		c.next(n)
		return
	}
	for range n {
		c.b = append(c.b, 0)
	}
}
