package receiver

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"timeball/gnss/casic"
	"timeball/gnss/nmea"
	"timeball/gnss/timescale"
	"timeball/gnss/ubx"
	"timeball/pps/clock"
)

const (
	millisecond clock.Mono = 1e6
	second      clock.Mono = 1e9
)

var errAbsent = errors.New("open /dev/ttyAMA0: no such file or directory")

// device is what is at the other end of a port. Its fields may be nil.
type device struct {
	baud    int // 0 = any
	absent  error
	unrated bool
	talk    func(second int64) []byte // sent in each second, from phase on
	phase   clock.Mono
	answer  func(b []byte) []byte

	pending []byte
	got     []byte
	opened  int
}

// world is a machine with serial ports.
type world struct {
	t       *testing.T
	f       *Finder
	devices map[string]*device
	now     clock.Mono
	open    string
	baud    int
	written []byte
	said    []string // every Trouble there was
}

func newWorld(t *testing.T, f *Finder, devices map[string]*device) *world {
	w := &world{t: t, f: f, devices: devices, now: 17 * second}
	w.plug()
	return w
}

// plug tells the Finder which ports there are.
func (w *world) plug() {
	var ports []string
	for name := range w.devices {
		ports = append(ports, name)
	}
	slices.Sort(ports)
	w.f.Candidates(ports)
}

// run lets time pass, in reads of 100 ms as a port has them, until done.
func (w *world) run(atMost clock.Mono, done func() bool) clock.Mono {
	w.t.Helper()
	began := w.now
	for !done() {
		if w.now-began > atMost {
			w.t.Fatalf("not after %v s: %+v, %q", atMost/second, w.f.Worked(), w.f.Trouble())
		}
		w.now += 100 * millisecond
		w.step()
		if trouble := w.f.Trouble(); len(w.said) == 0 || w.said[len(w.said)-1] != trouble {
			w.said = append(w.said, trouble)
		}
	}
	return w.now - began
}

func (w *world) step() {
	d := w.devices[w.open]
	if w.open == "" || d == nil {
		if w.open != "" {
			w.open = ""
			w.do(w.f.Gone(w.now, errAbsent))
			return
		}
		w.do(w.f.Tick(w.now))
		return
	}
	if b := d.sent(w.now-100*millisecond, w.now, w.baud); len(b) > 0 {
		w.do(w.f.Received(w.now, b))
		return
	}
	w.do(w.f.Tick(w.now))
}

// sent returns what a reader at a baud rate gets.
func (d *device) sent(from, to clock.Mono, baud int) []byte {
	if s := (to - d.phase) / second; d.talk != nil && s*second+d.phase > from {
		d.pending = append(d.pending, d.talk(int64(s))...)
	}
	b := d.pending
	d.pending = nil
	if d.baud != 0 && d.baud != baud {
		return garble(b, d.baud, baud)
	}
	return b
}

// garble is a stand-in for a line that is read at a wrong rate: as many other bytes as the rates say.
func garble(b []byte, sent, read int) []byte {
	rng := rand.New(rand.NewPCG(uint64(sent), uint64(read)))
	garbage := make([]byte, len(b)*min(read, sent)/sent+min(len(b), 1))
	for i := range garbage {
		garbage[i] = byte(rng.Uint32())
	}
	return garbage
}

// do does what the Finder asks for, as a program with serial ports would.
func (w *world) do(actions []Action) {
	for _, a := range actions {
		d := w.devices[a.Port]
		switch a.Do {
		case Open:
			if w.open != "" {
				w.t.Fatalf("%s opened while %s is open", a.Port, w.open)
			}
			w.do(w.tryOpen(a, d))
		case Close:
			if w.open != a.Port && w.open != "" {
				w.t.Fatalf("%s closed while %s is open", a.Port, w.open)
			}
			w.open = ""
		case Write:
			w.written = append(w.written, a.Bytes...)
			d.got = append(d.got, a.Bytes...)
			if d.answer != nil && (d.baud == 0 || d.baud == w.baud) {
				d.pending = append(d.pending, d.answer(a.Bytes)...)
			}
		}
	}
}

func (w *world) tryOpen(a Action, d *device) []Action {
	if d == nil {
		return w.f.Opened(w.now, false, errAbsent)
	}
	d.opened++
	if d.absent != nil {
		return w.f.Opened(w.now, false, d.absent)
	}
	w.open, w.baud, d.pending = a.Port, a.Baud, nil
	return w.f.Opened(w.now, !d.unrated, nil)
}

// sentences is what an NMEA receiver says in a second.
func sentences(s int64) []byte {
	stamp := nmea.Stamp{UTC: timescale.UTC(s+1_780_000_000) * timescale.Second, Decimals: 2}
	b := nmea.AppendRMC(nil, nmea.RMC{Talker: "GN", Stamp: stamp, Valid: true, Mode: 'A'})
	b = nmea.AppendGGA(b, nmea.GGA{Talker: "GN", Stamp: stamp, Quality: 1, Used: 9, HDOP: 0.8})
	return nmea.AppendZDA(b, nmea.ZDA{Talker: "GN", Stamp: stamp})
}

// version answers UBX requests for the version, and acknowledges the rest or, where refused says so, refuses it.
func version(v ubx.MonVER, refused func(frame []byte) bool) func(b []byte) []byte {
	return func(b []byte) []byte {
		switch {
		case !bytes.HasPrefix(b, []byte{0xB5, 0x62}):
			return nil
		case ubx.FrameID(b) == ubx.IDMonVER:
			return ubx.Append(nil, &v)
		}
		return ubx.Append(nil, &ubx.Acknowledgement{Accepted: refused == nil || !refused(b), Of: ubx.FrameID(b)})
	}
}

func generation8() ubx.MonVER {
	return ubx.MonVER{SwVersion: "ROM CORE 3.01", HwVersion: "00080000", Extensions: []string{"PROTVER=18.00", "MOD=NEO-M8N-0"}}
}

func TestGoodLineIsOnlyAsked(t *testing.T) {
	d := &device{baud: 38400, talk: sentences, phase: 120 * millisecond, answer: version(generation8(), nil)}
	w := newWorld(t, New(), map[string]*device{"/dev/ttyAMA0": d})
	w.run(60*second, func() bool { return w.f.Worked().Port != "" })
	want := Found{Port: "/dev/ttyAMA0", Baud: 38400, Protocol: "nmea", Identity: "u-blox NEO-M8N-0"}
	if diff := cmp.Diff(want, w.f.Worked()); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	asked := len(w.written)
	end := w.now + 600*second
	w.run(601*second, func() bool { return w.now >= end })
	if len(w.written) != asked || bytes.Contains(w.written, []byte{0xB5, 0x62, 0x06}) {
		t.Errorf("written to a good line: %q", w.written)
	}
	if w.f.Trouble() != "" || w.f.Line() != "NMEA on ttyAMA0 at 38400 baud" || d.opened != 2 {
		t.Errorf("trouble %q, line %q, opened %d times", w.f.Trouble(), w.f.Line(), d.opened)
	}
}

// Every port but one has something else; the receiver is found whatever its rate and in whichever part of the second the
// search begins.
func TestFindsTheOneReceiver(t *testing.T) {
	foreign := corpus(t, "trimble-smtx.log")
	worst := clock.Mono(0)
	for _, baud := range bauds {
		for _, phase := range []clock.Mono{0, 130, 250, 500, 770, 999} {
			w := newWorld(t, New(), map[string]*device{
				"/dev/ttyACM0": {unrated: true, talk: parts(foreign, 160)},
				"/dev/ttyAMA0": {},
				"/dev/ttyS0":   {absent: errors.New("open /dev/ttyS0: input/output error")},
				"/dev/ttyUSB0": {baud: 115200, talk: func(int64) []byte { return []byte("\r\nDebian GNU/Linux 13 clock ttyUSB0\r\n\r\nclock login: ") }},
				"/dev/ttyUSB1": {baud: baud, talk: sentences, phase: phase * millisecond},
			})
			took := w.run(60*second, func() bool { return w.f.InUse() })
			worst = max(worst, took)
			if w.open != "/dev/ttyUSB1" || w.baud != baud {
				t.Errorf("%d baud, phase %d ms: found %s at %d", baud, phase, w.open, w.baud)
			}
			if len(w.devices["/dev/ttyUSB0"].got)+len(w.devices["/dev/ttyACM0"].got) > 0 {
				t.Errorf("%d baud: written to what is no receiver", baud)
			}
		}
	}
	t.Logf("found after %.1f s at most", float64(worst)/1e9)
}

// parts returns a receiver that says n bytes of b a second.
func parts(b []byte, n int) func(int64) []byte {
	return func(s int64) []byte {
		if n >= len(b) {
			return b
		}
		at := int(s) * n % len(b)
		return b[at:min(at+n, len(b))]
	}
}

// corpus returns a recording, or bytes that are none where there are no recordings.
func corpus(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("../../../shared/corpus/" + name)
	if err != nil {
		t.Log("no recordings beside the project: other bytes instead")
		return bytes.Repeat([]byte{0x10, 0x8F, 0xAB, 0, 1, 2, 3, 0x10, 0x03}, 500)
	}
	return b
}

func TestSilentReceiverIsAskedAndSetUp(t *testing.T) {
	generation6 := ubx.MonVER{SwVersion: "7.03 (45969)", HwVersion: "00040007"}
	generation9 := ubx.MonVER{SwVersion: "EXT CORE 1.00", HwVersion: "00190000", Extensions: []string{"PROTVER=27.31", "MOD=ZED-F9T"}}
	generation10 := ubx.MonVER{SwVersion: "ROM SPG 5.10", HwVersion: "000A0000", Extensions: []string{"PROTVER=34.10"}}
	late := func(b []byte) bool { // what generation 6 does not have
		var m ubx.CfgMSG
		return ubx.Unmarshal(b, &m) == nil && slices.Contains([]ubx.ID{ubx.IDNavPVT, ubx.IDNavTIMELS, ubx.IDNavSAT}, m.Of)
	}
	casicVersion := func(second bool) func(b []byte) []byte {
		return func(b []byte) []byte {
			var m casic.CfgMSG
			switch {
			case !bytes.HasPrefix(b, []byte{0xBA, 0xCE}):
				return nil
			case casic.FrameID(b) == casic.IDMonVER:
				return casic.Append(nil, &casic.MonVER{SwVersion: "URANUS5,V5.3.0.0", HwVersion: "AT6558"})
			case casic.Unmarshal(b, &m) == nil:
				return casic.Append(nil, &casic.Acknowledgement{Accepted: m.Of >= 0x1000 == second, Of: casic.IDCfgMSG})
			}
			return nil
		}
	}
	pcas := func(b []byte) []byte {
		if bytes.HasPrefix(b, []byte("$PCAS06,0")) {
			return nmea.AppendTXT(nil, "GP", "SW=URANUS5,V5.3.0.0")
		}
		return nil
	}
	mtk := func(b []byte) []byte {
		if bytes.HasPrefix(b, []byte("$PMTK605")) {
			return nmea.AppendSentence(nil, "PMTK705,AXN_5.1.7_3333_19020118,0027,PA1616S,1.0")
		}
		return nil
	}
	pubx := func(b []byte) []byte {
		if bytes.HasPrefix(b, []byte("$PUBX,00")) {
			return nmea.AppendSentence(nil, "PUBX,00,081350.00,4717.113210,N,00833.915187,E,546.589,G3,2.1,2.0,0.007,77.52,0.007,,0.92,1.19,0.77,9,0,0")
		}
		return nil
	}
	for _, tt := range []struct {
		name   string
		answer func([]byte) []byte
		want   []string // what is asked for, as hexadecimal or text
	}{
		{"u-blox 9 over USB", version(generation9, nil), []string{"ram 20910009", "ram 2091005e", "ram 20910180", "ram 20910063", "ram 20910018", "ram 2091035c", "ram 20910637"}},
		{"u-blox 6", version(generation6, late), []string{"cfg-msg 0107", "cfg-msg 0106", "cfg-msg 0102", "cfg-msg 0121", "cfg-msg 0d01", "cfg-msg 0126", "cfg-msg 0120", "cfg-msg 0135", "cfg-msg 0130", "cfg-msg 0a09"}},
		{"u-blox 8", version(generation8(), nil), []string{"cfg-msg 0107", "cfg-msg 0121", "cfg-msg 0d01", "cfg-msg 0126", "cfg-msg 0135", "cfg-msg 0a09"}},
		{"u-blox 9", version(generation9, nil), []string{"ram 20910007", "ram 2091005c", "ram 2091017e", "ram 20910061", "ram 20910016", "ram 2091035a", "ram 20910635"}},
		{"u-blox 10", version(generation10, nil), []string{"ram 20910007", "ram 2091005c", "ram 2091017e", "ram 20910061", "ram 20910016", "ram 2091035a", "ram 20910635"}},
		{"CASIC 1", casicVersion(false), []string{"casic 0110", "casic 0103", "casic 0200", "casic 0805", "casic 0120", "casic 0121"}},
		{"CASIC 2 that does not say so", casicVersion(true), []string{"casic 0110", "casic 1105", "casic 0103", "casic 1103", "casic 0200", "casic 1200", "casic 0805", "casic 1207", "casic 0120", "casic 1104", "casic 0121"}},
		{"CASIC that knows sentences only", pcas, []string{"$PCAS03,1,0,1,5,1,0,1,1,0,0,,,0,0*06"}},
		{"u-blox that sends no UBX", pubx, []string{"$PUBX,40,RMC,0,1,0,1,0,0*47", "$PUBX,40,ZDA,0,1,0,1,0,0*44", "$PUBX,40,GGA,0,1,0,1,0,0*5A", "$PUBX,40,GSA,0,1,0,1,0,0*4E", "$PUBX,40,GSV,0,5,0,5,0,0*59"}},
		{"MediaTek", mtk, []string{"$PMTK314,-1*04"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := &device{baud: 9600, answer: tt.answer, unrated: strings.HasSuffix(tt.name, "USB")}
			w := newWorld(t, New(), map[string]*device{"/dev/serial0": d})
			w.run(60*second, func() bool { return w.f.InUse() })
			d.talk, d.phase = keepAlive, 300*millisecond
			end := w.now + 20*second
			w.run(21*second, func() bool { return w.now >= end })
			if diff := cmp.Diff(tt.want, commands(d.got)); diff != "" {
				t.Errorf("commands (-want +got):\n%s", diff)
			}
		})
	}
}

// keepAlive is a second of a receiver that says nothing of the time.
func keepAlive(int64) []byte {
	return nmea.AppendGSV(nil, nmea.GSV{Talker: "GP", SignalID: '1'})
}

// commands lists the commands in what was written, requests for versions left out.
func commands(b []byte) (list []string) {
	for len(b) > 0 {
		n := 1
		switch {
		case bytes.HasPrefix(b, []byte{0xB5, 0x62}):
			n = 8 + int(b[4])
			list = append(list, command(b[:n])...)
		case bytes.HasPrefix(b, []byte{0xBA, 0xCE}):
			n = 10 + int(b[2])
			var m casic.CfgMSG
			if casic.Unmarshal(b[:n], &m) == nil {
				list = append(list, fmt.Sprintf("casic %04x", uint16(m.Of)))
			}
		case b[0] == '$':
			n = bytes.IndexByte(b, '\n') + 1
			if s := strings.TrimSpace(string(b[:n])); !strings.HasPrefix(s, "$PCAS06") && !strings.HasPrefix(s, "$PMTK605") && s != "$PUBX,00*33" {
				list = append(list, s)
			}
		}
		b = b[n:]
	}
	return list
}

// command names a UBX command.
func command(frame []byte) []string {
	var msg ubx.CfgMSG
	var set ubx.CfgVALSET
	switch {
	case ubx.FrameID(frame) == ubx.IDMonVER:
		return nil
	case ubx.Unmarshal(frame, &msg) == nil:
		return []string{fmt.Sprintf("cfg-msg %04x", uint16(msg.Of))}
	case ubx.Unmarshal(frame, &set) == nil && set.Layers == ubx.LayerRAM && len(set.Items) == 1:
		return []string{fmt.Sprintf("ram %08x", set.Items[0].Key)}
	}
	return []string{fmt.Sprintf("%x", frame)}
}

// A receiver that does not obey is asked three times for each thing, used as it is, and asked again after a minute.
func TestReceiverThatDoesNotObeyIsUsedAsItIs(t *testing.T) {
	d := &device{baud: 9600, talk: keepAlive, answer: func(b []byte) []byte {
		if v := generation8(); bytes.HasPrefix(b, []byte{0xB5, 0x62}) && ubx.FrameID(b) == ubx.IDMonVER {
			return ubx.Append(nil, &v)
		}
		return nil
	}}
	w := newWorld(t, New(), map[string]*device{"/dev/ttyAMA0": d})
	w.run(60*second, func() bool { return strings.Contains(w.f.Trouble(), "names the second") })
	if want := "a receiver (u-blox NEO-M8N-0) speaks on ttyAMA0 at 9600 baud, but none of its messages names the second"; w.f.Trouble() != want {
		t.Errorf("trouble %q, want %q", w.f.Trouble(), want)
	}
	if n := len(commands(d.got)); n != 6*ackTimes {
		t.Errorf("%d commands, want %d", n, 6*ackTimes)
	}
	d.answer = version(generation8(), nil)
	w.run(120*second, func() bool { return len(commands(d.got)) == 6*ackTimes+6 })
	d.talk = sentences
	w.run(10*second, func() bool { return w.f.Trouble() == "" && w.f.Worked().Protocol == "nmea" })
}

func TestReceiverThatAppearsLate(t *testing.T) {
	d := &device{baud: 460800}
	w := newWorld(t, New(), map[string]*device{"/dev/ttyAMA0": d, "/dev/ttyS0": {}})
	end := w.now + 300*second
	w.run(301*second, func() bool { return w.now >= end })
	if want := "nothing arrives on ttyAMA0; nothing arrives on ttyS0"; w.f.Trouble() != want {
		t.Errorf("trouble %q, want %q", w.f.Trouble(), want)
	}
	if want := []string{"looking for the receiver", "nothing arrives on ttyAMA0; nothing arrives on ttyS0"}; !slices.Equal(w.said, want) {
		t.Errorf("said %q, want %q", w.said, want)
	}
	d.talk, d.phase = sentences, 600*millisecond
	took := w.run(60*second, func() bool { return w.f.InUse() })
	t.Logf("found %.1f s after it began to speak", float64(took)/1e9)
}

func TestBaudRateSwitchedUnderUs(t *testing.T) {
	d := &device{baud: 9600, talk: sentences}
	w := newWorld(t, New(), map[string]*device{"/dev/ttyAMA0": d, "/dev/ttyS0": {}})
	w.run(60*second, func() bool { return w.f.Worked().Baud == 9600 })
	for _, baud := range []int{460800, 4800, 9600, 115200} {
		d.baud = baud
		took := w.run(60*second, func() bool { return w.f.Worked().Baud == baud })
		if !slices.Contains(w.said, "what arrives on ttyAMA0 makes no sense any more") {
			t.Errorf("said %q", w.said)
		}
		w.said = nil
		t.Logf("%d baud found again after %.1f s", baud, float64(took)/1e9)
	}
}

// USB unplugged and back under another name: the rate that worked is the first that is tried.
func TestUnpluggedAndBackUnderAnotherName(t *testing.T) {
	d := &device{baud: 57600, talk: sentences}
	w := newWorld(t, New(), map[string]*device{"/dev/ttyUSB0": d})
	w.run(60*second, func() bool { return w.f.Worked().Port != "" })
	delete(w.devices, "/dev/ttyUSB0")
	w.plug()
	end := w.now + 61*second // two seconds of rest are left
	w.run(62*second, func() bool { return w.now >= end })
	if want := "this machine has no serial line for a receiver"; w.f.Trouble() != want || w.f.Line() != "" {
		t.Errorf("trouble %q, want %q; line %q", w.f.Trouble(), want, w.f.Line())
	}
	again := &device{baud: 57600, talk: sentences}
	w.devices["/dev/ttyUSB1"] = again
	w.plug()
	took := w.run(10*second, func() bool { return w.f.InUse() })
	if took > 2*second || again.opened != 1 {
		t.Errorf("found after %.1f s in %d tries, want at most 2 s and 1", float64(took)/1e9, again.opened)
	}
	w.run(20*second, func() bool { return w.f.Worked().Port == "/dev/ttyUSB1" })
}

// What is remembered or wanted is tried first, and is no bar to finding another.
func TestBeginsWithWhatWorked(t *testing.T) {
	right, other := &device{baud: 230400, talk: sentences}, &device{baud: 9600, talk: sentences}
	devices := map[string]*device{"/dev/ttyAMA0": other, "/dev/ttyUSB0": right}
	w := newWorld(t, New(Found{Port: "/dev/ttyUSB0", Baud: 230400}), devices)
	w.run(10*second, func() bool { return w.f.InUse() })
	if right.opened != 1 || other.opened != 0 {
		t.Errorf("opened %d and %d times, want 1 and 0", right.opened, other.opened)
	}
	right.talk = nil
	w.run(60*second, func() bool { return w.f.Worked().Port == "/dev/ttyAMA0" })
	if want := "the receiver on ttyUSB0 has gone silent"; !slices.Contains(w.said, want) {
		t.Errorf("said %q, want %q among it", w.said, want)
	}
}

// Who has named a port may have another device at a silent one.
func TestOtherSilentLinesAreNotAsked(t *testing.T) {
	wanted, other := &device{}, &device{}
	f := New(Found{Port: "/dev/ttyS0"})
	f.AskOnly("/dev/ttyS0")
	w := newWorld(t, f, map[string]*device{"/dev/ttyS0": wanted, "/dev/ttyUSB0": other})
	end := w.now + 60*second
	w.run(61*second, func() bool { return w.now >= end })
	if len(wanted.got) == 0 || len(other.got) != 0 {
		t.Errorf("%d bytes were written to the one, %d to the other", len(wanted.got), len(other.got))
	}
	other.talk = sentences
	w.run(60*second, func() bool { return w.f.InUse() })
}

// What makes sense need not be a receiver: a transponder's line is left for one that names the second.
func TestLineWithoutTimeIsLeftForAnother(t *testing.T) {
	ships := &device{baud: 38400, talk: func(int64) []byte {
		return []byte("!AIVDM,1,1,,B,177KQJ5000G?tO`K>RA1wUbN0TKH,0*5C\r\n!AIVDM,1,1,,A,15M67FC000G?ufbE`FepT@3n00Sa,0*5C\r\n")
	}}
	right := &device{talk: sentences, baud: 460800}
	w := newWorld(t, New(), map[string]*device{"/dev/ttyACM0": ships, "/dev/ttyUSB0": right})
	took := w.run(60*second, func() bool { return w.f.Worked().Port == "/dev/ttyUSB0" })
	t.Logf("found after %.1f s", float64(took)/1e9)
	want := "a receiver speaks on ttyACM0 at 38400 baud, but none of its messages names the second"
	if !slices.Contains(w.said, want) {
		t.Errorf("said %q, want %q among it", w.said, want)
	}
	right.talk = nil // then the other is better than nothing
	w.run(60*second, func() bool { return w.open == "/dev/ttyACM0" && w.f.InUse() })
}

// Both what is wanted and what worked come before other rates of either.
func TestBeginsWithAllThatIsKnown(t *testing.T) {
	foreign := &device{baud: 9600, talk: parts(corpus(t, "skytraq-bin.log"), 300)}
	right := &device{baud: 230400, talk: sentences}
	w := newWorld(t, New(Found{Port: "/dev/ttyAMA0", Baud: 19200}, Found{Port: "/dev/ttyUSB0", Baud: 230400}),
		map[string]*device{"/dev/ttyAMA0": foreign, "/dev/ttyUSB0": right})
	w.run(20*second, func() bool { return w.f.InUse() })
	if foreign.opened != 1 || right.opened != 1 {
		t.Errorf("opened %d and %d times, want once each", foreign.opened, right.opened)
	}
}

// A getty is silent until something comes, and then sends it back. It is asked once.
func TestConsoleIsLeftAlone(t *testing.T) {
	d := &device{baud: 115200, answer: func(b []byte) []byte { return append(bytes.ReplaceAll(b, []byte("\n"), nil), "\nPassword: "...) }}
	w := newWorld(t, New(), map[string]*device{"/dev/ttyS0": d})
	w.run(60*second, func() bool { return strings.HasPrefix(w.f.Trouble(), "what is sent to ttyS0 comes back") })
	asked := len(d.got)
	end := w.now + 300*second
	w.run(301*second, func() bool { return w.now >= end })
	if len(d.got) != asked || w.f.InUse() {
		t.Errorf("%d bytes written to a console after it was known, in use: %v", len(d.got)-asked, w.f.InUse())
	}
}

func TestSaysWhatIsWrong(t *testing.T) {
	foreign := corpus(t, "skytraq-bin.log")
	talk := parts(foreign, 300)
	refused := errors.New("open /dev/ttyS0: permission denied")
	for _, tt := range []struct {
		name    string
		devices map[string]*device
		want    string
	}{
		{"no port", nil, "this machine has no serial line for a receiver"},
		{"refused", map[string]*device{"/dev/ttyS0": {absent: refused}}, "open /dev/ttyS0: permission denied"},
		{"foreign", map[string]*device{"/dev/ttyS0": {baud: 9600, talk: talk}}, "bytes arrive on ttyS0, but make no sense at any baud rate"},
		{"foreign over USB", map[string]*device{"/dev/ttyACM0": {unrated: true, talk: talk}}, "bytes arrive on ttyACM0, but make no sense"},
		{"many", map[string]*device{"a": {}, "b": {}, "c": {}, "d": {absent: refused}, "e": {}, "f": {}}, "nothing arrives on a; nothing arrives on b; nothing arrives on c; open /dev/ttyS0: permission denied; and 2 more"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, New(), tt.devices)
			w.run(90*second, func() bool { return w.f.Trouble() == tt.want })
			for name, d := range tt.devices {
				if d.talk != nil && len(d.got) > 0 {
					t.Errorf("written to %s: %q", name, d.got)
				}
			}
		})
	}
}

func TestDamagedBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	damaged := func(s int64) []byte {
		b := sentences(s)
		for i := range b {
			if rng.Float64() < 1e-3 {
				b[i] ^= 1 << rng.IntN(8)
			}
		}
		return b
	}
	d := &device{baud: 460800, talk: damaged, phase: 300 * millisecond}
	w := newWorld(t, New(), map[string]*device{"/dev/ttyAMA0": d, "/dev/ttyS0": {}})
	w.run(60*second, func() bool { return w.f.Worked().Baud == 460800 })
	hours := clock.Mono(24)
	if testing.Short() {
		hours = 1
	}
	end := w.now + hours*3600*second
	w.run(hours*3601*second, func() bool { return w.now >= end })
	if len(w.said) != 2 || w.said[1] != "" {
		t.Errorf("said %q within %d h", w.said, hours)
	}
}

// A line that takes no writing is used all the same.
func TestLineThatCannotBeWrittenTo(t *testing.T) {
	f := New()
	f.Candidates([]string{"/dev/ttyAMA0"})
	at := second
	f.Tick(at)
	f.Opened(at, true, nil)
	for range 20 {
		at += second
		for _, a := range f.Received(at, sentences(int64(at/second))) {
			if a.Do == Write {
				f.Refused(at)
			}
		}
	}
	want := Found{Port: "/dev/ttyAMA0", Baud: 9600, Protocol: "nmea"}
	if diff := cmp.Diff(want, f.Worked()); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
}

// FuzzFinder: whatever comes in whatever order, nothing panics, one line is open at a time, and nothing that saves to
// flash is written.
func FuzzFinder(f *testing.F) {
	f.Add([]byte("\x00\x01\x02$GPTXT,01,01,02,SW=URANUS5*00\x03\x04\x05\x06"))
	f.Fuzz(func(t *testing.T, script []byte) {
		finder, at, asked, open := New(), clock.Mono(0), false, false
		finder.Candidates([]string{"/dev/a", "/dev/b"})
		check := func(actions []Action) {
			for _, a := range actions {
				switch a.Do {
				case Open:
					if open {
						t.Fatal("two lines are open")
					}
					asked = true
				case Close:
					open = false
				case Write:
					if !open {
						t.Fatal("written to a line that is closed")
					}
				}
			}
		}
		for i, b := range script {
			at += clock.Mono(b) * 50 * millisecond
			switch b % 6 {
			case 0:
				check(finder.Tick(at))
			case 1:
				open, asked = open || asked, false
				check(finder.Opened(at, b%4 == 1, nil))
			case 2:
				if asked {
					asked = false
					check(finder.Opened(at, true, errAbsent))
				}
			case 3:
				check(finder.Received(at, script[i:]))
			case 4:
				open = false
				check(finder.Gone(at, errAbsent))
			case 5:
				check(finder.Received(at, sentences(int64(i))))
			}
		}
	})
}

// What was recorded of receivers is used as it is, and what was recorded of others is left alone.
func TestRecordedLines(t *testing.T) {
	files, err := filepath.Glob("../../../shared/corpus/*.log")
	if err != nil || len(files) == 0 {
		t.Skip("no recordings at ../shared/corpus")
	}
	foreign := []string{"oncore-binary-pos-hold.log", "skytraq-bin.log", "trimble-smtx.log"}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			recorded := corpus(t, name)
			d := &device{unrated: true, talk: parts(recorded, max(len(recorded)/30, 1000))}
			w := newWorld(t, New(), map[string]*device{"/dev/ttyACM0": d})
			end := w.now + 30*second
			w.run(31*second, func() bool { return w.now >= end })
			if slices.Contains(foreign, name) {
				if w.f.InUse() || len(d.got) > 0 {
					t.Errorf("in use: %v; written: %x", w.f.InUse(), d.got)
				}
				return
			}
			if found := w.f.Worked().Port != ""; !w.f.InUse() || !found || len(commands(d.got)) > 0 {
				t.Errorf("in use: %v, found: %v, commands %q, trouble %q", w.f.InUse(), found, commands(d.got), w.f.Trouble())
			}
		})
	}
}
