package powercut

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
)

// entry is one request to the disk.
type entry struct {
	flush  bool
	offset int64 // bytes
	data   []byte
}

// The log's layout: a super block, then for each request a header in a sector of its own and its data.
const (
	logMagic   = 0x6a736677736872
	flagFlush  = 1 << 0
	flagFUA    = 1 << 1
	flagNoData = 1<<2 | 1<<3 // discards and marks
)

// readLog reads what QEMU has logged.
func readLog(in io.Reader) ([]entry, error) {
	var super struct {
		Magic, Version, Entries uint64
		SectorSize              uint32
	}
	first := make([]byte, Sector)
	if _, err := io.ReadFull(in, first); err != nil {
		return nil, fmt.Errorf("log of writes: %w", err)
	}
	if _, err := binary.Decode(first, binary.LittleEndian, &super); err != nil {
		return nil, fmt.Errorf("log of writes: %w", err)
	}
	if super.Magic != logMagic || super.SectorSize != Sector {
		return nil, fmt.Errorf("log of writes: magic %x, sectors of %d bytes", super.Magic, super.SectorSize)
	}
	var all []entry
	for range super.Entries {
		e, err := readEntry(in)
		if err != nil {
			return nil, fmt.Errorf("log of writes: request %d of %d: %w", len(all), super.Entries, err)
		}
		all = append(all, e)
	}
	return all, nil
}

func readEntry(in io.Reader) (entry, error) {
	var head struct{ Sector, Sectors, Flags, Length uint64 }
	sector := make([]byte, Sector)
	if _, err := io.ReadFull(in, sector); err != nil {
		return entry{}, err
	}
	if _, err := binary.Decode(sector, binary.LittleEndian, &head); err != nil {
		return entry{}, err
	}
	e := entry{flush: head.Flags&(flagFlush|flagFUA) != 0, offset: int64(head.Sector) * Sector}
	if head.Flags&flagNoData != 0 {
		return e, nil
	}
	if head.Sectors > 1<<16 {
		return entry{}, fmt.Errorf("%d sectors at once", head.Sectors)
	}
	e.data = make([]byte, head.Sectors*Sector)
	_, err := io.ReadFull(in, e.data)
	return e, err
}

// disk is what the requests have made of an image.
type disk struct {
	sure    []byte  // all that was flushed
	pending []entry // written since
}

func (d *disk) take(e entry) {
	if len(e.data) > 0 {
		d.pending = append(d.pending, e)
	}
	if !e.flush {
		return
	}
	for _, p := range d.pending {
		copy(d.sure[p.offset:], p.data)
	}
	d.pending = nil
}

// cut returns the disk as it may be when the power fails now: any of the sectors that were not flushed have been written.
func (d *disk) cut(random *rand.Rand) []byte {
	image := bytes.Clone(d.sure)
	share := random.Float64()
	for _, p := range d.pending {
		for at := 0; at < len(p.data); at += Sector {
			if random.Float64() < share {
				copy(image[p.offset+int64(at):], p.data[at:at+Sector])
			}
		}
	}
	return image
}
