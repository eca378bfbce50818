package wire

import (
	"encoding/hex"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// all has a field of every kind.
type all struct {
	u1 uint8
	u2 uint16
	u4 uint32
	u8 uint64
	i1 int8
	i2 int16
	i4 int32
	r4 float32
	r8 float64
	ch string
	b  [3]byte
}

func (a *all) fields(c *Codec) {
	c.U1(&a.u1)
	c.U2(&a.u2)
	c.U4(&a.u4)
	c.U8(&a.u8)
	c.Skip(2)
	c.I1(&a.i1)
	c.I2(&a.i2)
	c.I4(&a.i4)
	c.R4(&a.r4)
	c.R8(&a.r8)
	c.Text(&a.ch, 4)
	c.Raw(a.b[:])
}

const size = 1 + 2 + 4 + 8 + 2 + 1 + 2 + 4 + 4 + 8 + 4 + 3

var sample = all{1, 0x0302, 0x07060504, 0x0F0E0D0C0B0A0908, -2, -3, -4, 1.5, -2.5, "ab", [3]byte{7, 8, 9}}

func TestCodecIsLittleEndian(t *testing.T) {
	c := Append(nil)
	m := sample
	m.fields(&c)
	const want = "01" + "0203" + "04050607" + "08090a0b0c0d0e0f" + "0000" + "fe" + "fdff" + "fcffffff" + "0000c03f" + "00000000000004c0" + "61620000" + "070809"
	if got := hex.EncodeToString(c.Bytes()); got != want || m != sample || !c.Writing() {
		t.Errorf("wrote %s\nwant  %s", got, want)
	}
}

func TestCodecReadsWhatItWrote(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := all{
			rapid.Uint8().Draw(t, "u1"), rapid.Uint16().Draw(t, "u2"), rapid.Uint32().Draw(t, "u4"), rapid.Uint64().Draw(t, "u8"),
			rapid.Int8().Draw(t, "i1"), rapid.Int16().Draw(t, "i2"), rapid.Int32().Draw(t, "i4"),
			rapid.Float32().Draw(t, "r4"), rapid.Float64().Draw(t, "r8"), rapid.StringMatching("[a-z]{0,4}").Draw(t, "ch"),
			[3]byte{1, 2, 3},
		}
		w := Append([]byte("head"))
		m := want
		m.fields(&w)
		var got all
		r := Read(w.Bytes()[4:])
		got.fields(&r)
		if r.Short() || r.Left() != 0 || len(r.Bytes()) != size {
			t.Fatalf("short %v, %d left of %d", r.Short(), r.Left(), len(r.Bytes()))
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(all{})); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func TestCodecKeepsWhatIsNotThere(t *testing.T) {
	w := Append(nil)
	m := sample
	m.fields(&w)
	for n := range size {
		got := all{u1: 99, i4: 99, r8: math.Pi}
		r := Read(w.Bytes()[:n])
		got.fields(&r)
		if !r.Short() {
			t.Fatalf("%d bytes are not short", n)
		}
		if n == 0 && got.u1 != 99 || n < 20 && got.i4 != 99 || n < 30 && got.r8 != math.Pi {
			t.Fatalf("of %d bytes: %+v", n, got)
		}
	}
}

func TestTextIsCut(t *testing.T) {
	w := Append(nil)
	s := "abcdef"
	w.Text(&s, 4)
	if got := string(w.Bytes()); got != "abcd" {
		t.Errorf("wrote %q, want %q", got, "abcd")
	}
}
