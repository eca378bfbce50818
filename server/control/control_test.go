package control

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func state() *State {
	return &State{
		System: System{
			Leap: 1, Stratum: 1, Precision: -23, RootDispersion: 2.5e-6, ReferenceID: "PPS", Reference: 0xeeac063f00000000, Clock: 0xeeac064080000000,
			Offset: -25e-9, Jitter: 31e-9, Frequency: -1.25e-6, TAIOffset: 37, Peer: 1, Version: "1.0",
		},
		Sources: []Source{
			{ID: 1, Name: "PPS(0)", Address: "127.127.22.0", ReferenceID: "PPS", Selection: Pulse, Reach: 0xff, Heard: 0xeeac063f00000000, Offset: -25e-9, Jitter: 31e-9},
			{ID: 2, Name: "GNSS(0)", Address: "127.127.20.0", ReferenceID: "GPS", Selection: Followed, Reach: 0x7f},
		},
	}
}

// request is a packet of version 2, as ntpq sends.
func request(operation byte, association uint16, data string) []byte {
	m := message{version: 2, operation: operation, sequence: 7, association: association, data: []byte(data)}
	return m.append(nil)
}

func TestAnswerVectors(t *testing.T) {
	const systemText = `version="timeball 1.0", processor="", system="Linux", leap=1, stratum=1, precision=-23, rootdelay=0.000000, ` +
		`rootdisp=0.002500, refid=PPS, reftime=0xeeac063f.00000000, peer=1, tc=0, mintc=0, offset=-0.000025, frequency=-1.250000, ` +
		`sys_jitter=0.000031, clk_jitter=0.000031, clock=0xeeac0640.80000000, tai=37` + "\r\n"
	tests := []struct {
		name    string
		request []byte
		header  string // RFC 9327, 2: byte by byte
		data    string
	}{
		{"the list of sources", request(1, 0, ""), "1681 0007 4100 0000 0000 0008", "\x00\x01\x97\x00\x00\x02\x96\x00"},
		{"the variables of the system", request(2, 0, ""), "1682 0007 4100 0000 0000 0132", systemText},
		{"some of them, in the order asked", request(2, 0, "stratum, leap=,refid"), "1682 0007 4100 0000 0000 001e", "stratum=1, leap=1, refid=PPS\r\n"},
		{"one of a source", request(2, 2, "reach"), "1682 0007 9600 0002 0000 000c", "reach=0x7f\r\n"},
		{"its status is its variables", request(1, 2, "reach"), "1681 0007 9600 0002 0000 000c", "reach=0x7f\r\n"},
		{"a variable nobody has", request(2, 0, "stratum,secret"), "16c2 0007 0500 0000 0000 0000", ""},
		{"a source nobody has", request(2, 9, ""), "16c2 0007 0400 0009 0000 0000", ""},
		{"a change", request(3, 0, "leap=0"), "16c3 0007 0300 0000 0000 0000", ""},
		{"configuration", request(8, 0, "server evil"), "16c8 0007 0300 0000 0000 0000", ""},
		{"the list of clients", request(10, 0, ""), "16ca 0007 0300 0000 0000 0000", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !Request(tt.request) {
				t.Fatal("no request")
			}
			packets := Answer(tt.request, state())
			if len(packets) != 1 || len(packets[0])%4 != 0 {
				t.Fatalf("%d packets, the first of %d bytes", len(packets), len(packets[0]))
			}
			header, _ := hex.DecodeString(strings.ReplaceAll(tt.header, " ", ""))
			data := packets[0][headerLen:][:binary.BigEndian.Uint16(packets[0][10:])]
			if !bytes.Equal(packets[0][:headerLen], header) || string(data) != tt.data {
				t.Errorf("got  %x %q\nwant %x %q", packets[0][:headerLen], data, header, tt.data)
			}
		})
	}
}

func TestRequestIsWellFormed(t *testing.T) {
	good := request(2, 0, "stratum")
	edit := func(at int, to byte) []byte { b := bytes.Clone(good); b[at] = to; return b }
	tests := []struct {
		name string
		b    []byte
		want bool
	}{
		{"ntpq's", good, true},
		{"with a MAC", append(bytes.Clone(good), make([]byte, 20)...), true},
		{"mode 7", edit(0, 0x17), false},
		{"version 0", edit(0, 0x06), false},
		{"version 5", edit(0, 0x2e), false},
		{"an answer, so that two servers never talk to each other", edit(1, 0x82), false},
		{"an error", edit(1, 0x42), false},
		{"a fragment", edit(1, 0x22), false},
		{"with an offset", edit(9, 4), false},
		{"more data than it has", edit(11, 200), false},
		{"short", good[:11], false},
		{"nothing", nil, false},
		{"very long", append(bytes.Clone(good), make([]byte, 2000)...), false},
	}
	for _, tt := range tests {
		if got := Request(tt.b); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// serve answers through packets in reverse order and among others, as a network may.
func serve(s *State) Exchange {
	return func(request []byte, take func([]byte) bool) error {
		packets := Answer(request, s)
		other := append([]byte{}, packets[0]...)
		other[3]++ // of another sequence
		for i := len(packets) - 1; i >= 0; i-- {
			if take(other) {
				return errors.New("a packet of another request was taken")
			}
			if done := take(packets[i]); done != (i == 0) {
				return errors.New("taken for complete too early or never")
			}
		}
		return nil
	}
}

func TestAskReadsWhatAnswerSays(t *testing.T) {
	s := state()
	s.Sources[1].Name = "a receiver, \"quoted\"\n"
	rows, err := Ask(serve(s))
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 || rows[0].Selection != Pulse || rows[1].Selection != Followed {
		t.Fatalf("rows %+v", rows)
	}
	got := map[string]string{}
	for _, name := range []string{"srchost", "refid", "reach", "offset", "rec"} {
		got[name] = rows[0].Variables[name] + " " + rows[1].Variables[name]
	}
	want := map[string]string{
		"srchost": "PPS(0) a receiver_ _quoted__", "refid": "PPS GPS", "reach": "0xff 0x7f", "offset": "-0.000025 0.000000",
		"rec": "0xeeac063f.00000000 0x00000000.00000000",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}

func TestLongAnswersAreDivided(t *testing.T) {
	s := state()
	s.System.Version = strings.Repeat("long", 300)
	packets := Answer(request(2, 0, ""), s)
	if len(packets) != 4 {
		t.Errorf("%d packets, want 4", len(packets))
	}
	for i, p := range packets {
		if more := p[1]&hasMore != 0; len(p) > MaxPacket || more != (i < len(packets)-1) {
			t.Errorf("fragment %d of %d bytes, more to come: %v", i, len(p), more)
		}
	}
	data, err := ask(serve(s), message{version: 4, operation: readVariables, sequence: 3})
	if err != nil || !strings.Contains(string(data), s.System.Version) || !strings.HasSuffix(string(data), "tai=37\r\n") {
		t.Errorf("%v, %d bytes", err, len(data))
	}
}

func TestAskTellsOfAnError(t *testing.T) {
	if _, err := ask(serve(&State{}), message{version: 4, operation: readVariables, association: 3}); err == nil || !strings.Contains(err.Error(), "error 4") {
		t.Errorf("error %v", err)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(request(1, 0, ""))
	f.Add(request(2, 1, "reach,reach,reach"))
	f.Add(request(2, 0, strings.Repeat("leap,", 90)))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, ok := read(b)
		if !Request(b) {
			return
		}
		if !ok {
			t.Fatal("a request that cannot be read")
		}
		packets := Answer(b, state())
		if len(packets) == 0 || len(packets) > 4 {
			t.Fatalf("%d packets", len(packets))
		}
		for _, p := range packets {
			a, ok := read(p)
			if !ok || Request(p) || len(p) > MaxPacket || a.sequence != m.sequence || a.association != m.association || a.operation != m.operation {
				t.Fatalf("answer %x to %x", p, b)
			}
		}
	})
}
