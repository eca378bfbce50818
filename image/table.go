package image

import "encoding/binary"

const (
	sector    = 512
	tableAt   = 446 // of four entries in a boot record
	entrySize = 16
	bootMark  = 0xaa55
)

// Table is a sector of a card.
type Table struct {
	At     int64
	Record [sector]byte
}

// Tables returns the boot record of a card and those in front of its logical partitions.
func Tables() []Table {
	mbr := Table{}
	binary.LittleEndian.PutUint32(mbr.Record[440:], Signature)
	var tables []Table
	extended := Find(Extended)
	for _, p := range Partitions() {
		if p.Number <= Extended {
			mbr.entry(p.Number-1, p.Type, p.Start, p.Size)
			continue
		}
		// The first entry of a logical partition's record is relative to the record, the second, which leads to the next
		// record, to the extended partition.
		t := Table{At: p.Start - MiB}
		t.entry(0, p.Type, MiB, p.Size)
		if p.Number < Perm {
			next := Find(p.Number + 1)
			t.entry(1, typeExtended, next.Start-MiB-extended.Start, next.Size+MiB)
		}
		t.mark()
		tables = append(tables, t)
	}
	mbr.mark()
	return append([]Table{mbr}, tables...)
}

// entry writes one entry. Cylinders, heads and sectors say "beyond their reach": nobody asks for them any more.
func (t *Table) entry(i int, kind byte, start, size int64) {
	e := t.Record[tableAt+entrySize*i:]
	copy(e, []byte{0, 0xfe, 0xff, 0xff, kind, 0xfe, 0xff, 0xff})
	binary.LittleEndian.PutUint32(e[8:], uint32(start/sector))
	binary.LittleEndian.PutUint32(e[12:], uint32(size/sector))
}

func (t *Table) mark() { binary.LittleEndian.PutUint16(t.Record[sector-2:], bootMark) }
