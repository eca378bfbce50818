package ubx

import (
	"bytes"
	"encoding/hex"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"timeball/gnss"
	"timeball/gnss/scan"
)

// messages has one empty message of every type.
func messages() []Message {
	return []Message{
		&NavPVT{}, &NavPOSLLH{}, &NavSTATUS{}, &NavSOL{}, &NavTIMEUTC{}, &NavTIMEGPS{}, &NavTIMEBDS{}, &NavTIMEGAL{},
		&NavTIMELS{}, &NavCLOCK{}, &NavSVIN{}, &NavSAT{}, &NavSVINFO{}, &TimTP{}, &TimSVIN{}, &MonVER{}, &MonHW{}, &MonHW3{},
		&MonRF{}, &SecSIG{Version: 1}, &SecSIG{Version: 2}, &Acknowledgement{}, &Acknowledgement{Accepted: true},
		&CfgMSG{}, &CfgRATE{}, &CfgTP5{}, &CfgTMODE2{}, &CfgNAV5{}, &CfgPRT{}, &CfgVALSET{},
	}
}

// lengths are those of the interface descriptions, of messages without repeated parts.
var lengths = map[ID]int{
	IDNavPVT: 92, IDNavPOSLLH: 28, IDNavSTATUS: 16, IDNavSOL: 52, IDNavTIMEUTC: 20, IDNavTIMEGPS: 16, IDNavTIMEBDS: 20,
	IDNavTIMEGAL: 20, IDNavTIMELS: 24, IDNavCLOCK: 20, IDNavSVIN: 40, IDNavSAT: 8, IDNavSVINFO: 8, IDTimTP: 16, IDTimSVIN: 28,
	IDMonVER: 40, IDMonHW: 60, IDMonHW3: 22, IDMonRF: 4, IDAckACK: 2, IDAckNAK: 2,
	IDCfgMSG: 3, IDCfgRATE: 6, IDCfgTP5: 32, IDCfgTMODE2: 28, IDCfgNAV5: 36, IDCfgPRT: 20, IDCfgVALSET: 4,
}

func TestMessagesHaveTheirLength(t *testing.T) {
	for _, m := range messages() {
		want := lengths[m.ID()]
		if s, ok := m.(*SecSIG); ok {
			want = map[uint8]int{1: 12, 2: 4}[s.Version]
		}
		if got := len(Append(nil, m)) - overhead; got != want {
			t.Errorf("%v: payload of %d bytes, want %d", m.ID(), got, want)
		}
	}
}

// Every message that is written is framed by scan and read back as it was.
func TestMessagesReadBack(t *testing.T) {
	for _, empty := range messages() {
		t.Run(empty.ID().String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				want := reflect.New(reflect.TypeOf(empty).Elem())
				want.Elem().Set(reflect.ValueOf(empty).Elem())
				fill(t, want.Elem())
				tame(want.Interface())
				frame := Append(nil, want.Interface().(Message))
				var framed []byte
				scan.New().Write(0, 0, frame, func(p scan.Packet) { framed = bytes.Clone(p.Data) })
				if !bytes.Equal(framed, frame) {
					t.Fatalf("%x is framed as %x", frame, framed)
				}
				got := reflect.New(want.Elem().Type())
				got.Elem().Set(reflect.ValueOf(empty).Elem())
				if err := Unmarshal(framed, got.Interface().(Message)); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want.Interface(), got.Interface(), cmp.AllowUnexported(NavTIMEBDS{}, NavTIMEGAL{}, systemTime{})); diff != "" {
					t.Fatalf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// fill sets every field of v to something.
func fill(t *rapid.T, v reflect.Value) {
	for i := range v.NumField() {
		f := v.Field(i)
		if !f.CanSet() { // an embedded type of this package
			f = reflect.NewAt(f.Type(), f.Addr().UnsafePointer()).Elem()
		}
		switch f.Kind() {
		case reflect.Struct:
			fill(t, f)
		case reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), rapid.IntRange(1, 3).Draw(t, "items"), 3))
			for j := range f.Len() {
				switch e := f.Index(j); e.Kind() {
				case reflect.Struct:
					fill(t, e)
				case reflect.String:
					e.SetString(rapid.StringMatching("[A-Z]{0,30}").Draw(t, "text"))
				default:
					e.SetUint(rapid.Uint64Max(math.MaxUint16).Draw(t, "item"))
				}
			}
		case reflect.String:
			f.SetString(rapid.StringMatching("[A-Z]{0,10}").Draw(t, "text"))
		case reflect.Bool: // which of two messages it is
		default:
			if f.CanInt() {
				f.SetInt(rapid.Int64Range(-1<<(f.Type().Bits()-1), 1<<(f.Type().Bits()-1)-1).Draw(t, "int"))
			} else {
				f.SetUint(rapid.Uint64Max(1<<f.Type().Bits()-1).Draw(t, "uint"))
			}
		}
	}
}

// tame keeps fields within what the frame has room for.
func tame(m any) {
	switch m := m.(type) {
	case *SecSIG:
		m.Version, m.Jam, m.Spoof = 1+m.Version%2, m.Jam%4, m.Spoof%8
	case *CfgVALSET:
		for i := range m.Items {
			size := 1 + int(m.Items[i].Key%5)
			m.Items[i].Key = m.Items[i].Key&0x0FFFFFFF | uint32(size)<<28
			m.Items[i].Value &= 1<<(8*m.Items[i].size()) - 1
		}
	}
}

func TestCommandsAreAsDescribed(t *testing.T) {
	for _, tt := range []struct {
		name string
		got  []byte
		want string // made by hand from the interface description
	}{
		{"poll MON-VER", AppendPoll(nil, IDMonVER), "b5620a0400000e34"},
		{"NAV-PVT once a solution", Append(nil, &CfgMSG{IDNavPVT, 1}), "b56206010300010701135" + "1"},
		{"1 Hz", Append(nil, &CfgRATE{1000, 1, 1}), "b56206080600e803010001000139"},
		{"stationary", Append(nil, &CfgNAV5{Mask: NAV5DynModel, DynModel: 2}), "b56206242400010002000000000000000000000000000000000000000000000000000000000000000000512c"},
		{"VALSET", Append(nil, &CfgVALSET{LayerRAM, []Item{{KeyMsgNavPVT, 1}, {KeyRateMeas, 1000}}}), "b562068a0f00" + "00010000" + "0700912001" + "01002130e803" + "968d"},
	} {
		if got := hex.EncodeToString(tt.got); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	var m NavPVT
	for name, frame := range map[string][]byte{
		"another type": Append(nil, &NavSOL{}),
		"nothing":      nil,
		"half a frame": pvt(nil)[:20],
		"a wrong sync": append([]byte{0xB5, 0x63}, pvt(nil)[2:]...),
		"a short one":  cut(pvt(nil), 70),
		"a sentence":   []byte("$GNTXT*51"),
		"trailing":     append(pvt(nil), 0),
	} {
		if err := Unmarshal(frame, &m); reason(err) == "" {
			t.Errorf("%s: %v, want refused", name, err)
		}
	}
	if err := Unmarshal(finish([]byte{0xB5, 0x62, 6, 0x8A, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0x70, 9}, 0), &CfgVALSET{}); reason(err) != gnss.ReasonFields {
		t.Errorf("a key of no size: %v, want refused", err)
	}
}

func TestIDString(t *testing.T) {
	for id, want := range map[ID]string{IDNavPVT: "NAV-PVT", 0x0A07: "0a-07", 0x0136: "01-36"} {
		if id.String() != want {
			t.Errorf("%04x: %q, want %q", uint16(id), id, want)
		}
	}
}

// recorded returns the frames of the recordings beside the project, if they are there.
func recorded() (frames [][]byte) {
	files, _ := filepath.Glob("../../../shared/corpus/*.log")
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		scan.New().Write(0, 0, b, func(p scan.Packet) {
			if p.Protocol == scan.UBX {
				frames = append(frames, bytes.Clone(p.Data))
			}
		})
	}
	return frames
}

// FuzzDecode gives any payload of any type to a decoder that has heard something.
func FuzzDecode(f *testing.F) {
	seen := map[[2]int]bool{}
	for _, frame := range recorded() {
		if k := [2]int{int(FrameID(frame)), len(frame)}; !seen[k] {
			seen[k] = true
			f.Add(uint16(k[0]), frame[header:len(frame)-2])
		}
	}
	for _, m := range messages() {
		f.Add(uint16(m.ID()), Append(nil, m)[header:])
	}
	d := NewDecoder()
	f.Fuzz(func(t *testing.T, id uint16, payload []byte) {
		if len(payload) > 65535 {
			return
		}
		frame := finish(append([]byte{0xB5, 0x62, uint8(id >> 8), uint8(id), 0, 0}, payload...), 0)
		for range 2 {
			r, err := d.Decode(packet(frame))
			if err != nil && (r != gnss.Report{} || reason(err) == "") {
				t.Fatalf("%+v with %v", r, err)
			}
			check(t, r)
		}
		for _, m := range messages() {
			if m.ID() == ID(id) && Unmarshal(frame, m) == nil {
				Append(nil, m)
			}
		}
	})
}

// check fails when a report has what cannot be.
func check(t *testing.T, r gnss.Report) {
	if m := r.Mark; m != nil {
		if c := m.UTC.Civil(); c.Year < 1678 || m.Message == "" || m.Accuracy < 0 {
			t.Fatalf("mark %+v", m)
		}
	}
	if f := r.Fix; f != nil && !(math.Abs(f.Latitude) <= 90 && math.Abs(f.Longitude) <= 180 && math.Abs(f.Altitude) <= 3e6) {
		t.Fatalf("fix %+v", f)
	}
	if r.Sky != nil && len(r.Sky.Seen) > 255 {
		t.Fatalf("%d satellites", len(r.Sky.Seen))
	}
	if p := r.Pulse; p != nil && p.Valid && p.UTC == 0 {
		t.Fatalf("pulse %+v", p)
	}
}

// A second of messages of a timing receiver, scanned and decoded.
func BenchmarkDecodeSecond(b *testing.B) {
	second := pvt(nil)
	second = Append(second, &NavSAT{Sats: make([]Sat, 32)})
	second = append(second, timeUTC(nil)...)
	second = append(second, ls(nil)...)
	second = Append(second, &TimTP{Flags: TPBaseUTC | TPUTC})
	second = Append(second, &MonRF{Blocks: make([]RFBlock, 2)})
	s, d := scan.New(), NewDecoder()
	b.SetBytes(int64(len(second)))
	b.ReportAllocs()
	for b.Loop() {
		s.Write(0, 1e-4, second, func(p scan.Packet) {
			if _, err := d.Decode(p); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// All frames of the recordings, as they come.
func BenchmarkDecodeRecorded(b *testing.B) {
	all := bytes.Join(recorded(), nil)
	if len(all) == 0 {
		b.Skip("no recordings")
	}
	s, d := scan.New(), NewDecoder()
	b.SetBytes(int64(len(all)))
	b.ReportAllocs()
	for b.Loop() {
		s.Write(0, 1e-4, all, func(p scan.Packet) { d.Decode(p) })
	}
}

// A payload as it is makes the same frame as the message it is of, and NAV-PVT of generation 7 is its beginning.
func TestAppendPayloadFramesWhatItIsGiven(t *testing.T) {
	pvt := &NavPVT{ITOW: 1000, Year: 2024, Month: 3, Day: 28, NumSV: 9, PDOP: 140, HeadVeh: 7}
	whole := Append([]byte{1}, pvt)
	if got := AppendPayload([]byte{1}, IDNavPVT, whole[7:len(whole)-2]); !bytes.Equal(got, whole) {
		t.Errorf("% x, want % x", got, whole)
	}
	var got NavPVT
	if err := Unmarshal(AppendPayload(nil, IDNavPVT, whole[7:7+84]), &got); err != nil || got.PDOP != 140 || got.HeadVeh != 0 {
		t.Errorf("of 84 bytes: %+v, %v", got, err)
	}
}
