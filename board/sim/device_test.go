package sim

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"timeball/gnss"
	"timeball/gnss/casic"
	"timeball/gnss/decode"
	"timeball/gnss/nmea"
	"timeball/gnss/scan"
	"timeball/gnss/timescale"
	"timeball/gnss/ubx"
	"timeball/pps/clock"
	"timeball/pps/timing"
)

// host is what listens to a device: it scans and decodes what it reads at one rate.
type host struct {
	t       *testing.T
	device  *Device
	baud    int
	at      timescale.UTC
	scanner *scan.Scanner
	decoder *decode.Decoder
	reports []gnss.Report
	packets map[string]int
	refused []error
}

func newHost(t *testing.T, d *Device, baud int) *host {
	return &host{t: t, device: d, baud: baud, at: start, scanner: scan.New(), decoder: decode.New(), packets: map[string]int{}}
}

// until reads up to an instant.
func (h *host) until(to timescale.UTC) {
	for ; h.at < to; h.at += second / 100 {
		for _, b := range h.device.Read(h.at, h.baud) {
			h.scanner.Write(clock.Mono(b.At), 0, []byte{b.Value}, h.take)
		}
	}
}

func (h *host) take(p scan.Packet) {
	name := p.Protocol.String()
	switch p.Protocol {
	case scan.UBX:
		name = ubx.FrameID(p.Data).String()
	case scan.CASIC:
		name = casic.FrameID(p.Data).String()
	case scan.NMEA:
		name = strings.TrimPrefix(strings.SplitN(string(p.Data), ",", 2)[0], "$")
	}
	h.packets[name]++
	r, err := h.decoder.Decode(p)
	if err != nil {
		h.refused = append(h.refused, err)
	}
	h.reports = append(h.reports, r)
}

// seconds lets the device speak of n seconds with a fix.
func (h *host) seconds(n int) {
	begin := (h.at + second - 1) / second * second
	for k := range timescale.UTC(n) {
		utc := begin + k*second
		h.until(utc)
		_, delay := h.device.Line()
		h.device.Speak(utc+timescale.UTC(delay), Ordinary(utc, true))
	}
	h.until(begin + timescale.UTC(n)*second)
}

// say sends a command and gives the answer a tenth of a second.
func (h *host) say(b []byte) {
	h.device.Write(h.at, h.baud, b)
	h.until(h.at + second/10)
}

// acks returns the answers to configuration since the last call.
func (h *host) acks() (acks []gnss.Ack) {
	for _, r := range h.reports {
		if r.Ack != nil {
			a := *r.Ack
			a.Arrival = 0
			acks = append(acks, a)
		}
	}
	h.reports = nil
	return acks
}

// What a device says in a minute is true, in all kinds, protocols and at all rates; at another rate it is nothing at all.
func TestDeviceIsUnderstoodAtItsRateOnly(t *testing.T) {
	for _, kind := range Kinds() {
		for _, binary := range []bool{false, true} {
			for _, baud := range fieldBauds {
				if testing.Short() && baud != 9600 {
					continue
				}
				t.Run(fmt.Sprintf("%v binary=%v %d", kind, binary, baud), func(t *testing.T) {
					d := NewDevice(DeviceConfig{Kind: kind, Seed: 3, Baud: baud, Binary: binary, Delay: 50 * time.Millisecond})
					h := newHost(t, d, baud)
					h.seconds(20)
					judgeTruth(t, h)
					for _, other := range fieldBauds {
						if other == baud {
							continue
						}
						deaf := newHost(t, NewDevice(d.cfg), other)
						deaf.seconds(3)
						if len(deaf.packets) > 0 {
							t.Errorf("at %d baud it is understood: %v", other, deaf.packets)
						}
					}
				})
			}
		}
	}
}

// judgeTruth checks what a host was told in 20 s.
func judgeTruth(t *testing.T, h *host) {
	t.Helper()
	marks, fixes, views := 0, 0, 0
	for _, r := range h.reports {
		if m := r.Mark; m != nil && m.Valid {
			marks++
			spoken := timescale.UTC(m.Arrival) / second * second
			if utc, ok := m.Second(); !ok || utc != spoken {
				t.Fatalf("%s names %v in the second %v", m.Message, m.UTC, spoken)
			}
		}
		if f := r.Fix; f != nil && f.Valid {
			fixes++
			if f.HasPosition && math.Abs(f.Latitude-51.4779) > 1e-5 {
				t.Errorf("%s is at %v N", f.Message, f.Latitude)
			}
		}
		if s := r.Sky; s != nil && slices.ContainsFunc(s.Seen, func(s gnss.Satellite) bool { return s.Used && s.CN0 > 30 && s.Elevation > mask }) {
			views++
		}
	}
	if marks < 19 || fixes < 19 || views < 10 && h.device.Dropped() == 0 || len(h.refused) > 0 {
		t.Errorf("in 20 s %d marks, %d fixes, %d views, refused %v, of %v", marks, fixes, views, h.refused, h.packets)
	}
}

// What pulses, leap seconds and health a binary device tells is true.
func TestDeviceTellsPulseLeapAndHealth(t *testing.T) {
	june, err := timescale.ParseDate("2015-06-20")
	if err != nil {
		t.Fatal(err)
	}
	leap := june.Midnight() + 11*timescale.Day
	for _, kind := range Kinds() {
		if !kind.ubx() && !kind.casic() {
			continue
		}
		t.Run(kind.String(), func(t *testing.T) {
			d := NewDevice(DeviceConfig{Kind: kind, Binary: true})
			for _, id := range d.known { // all that it can say
				d.set.rates[id] = 1
			}
			decoder, scanner := decode.New(), scan.New()
			told, marks := map[string]bool{}, map[string]bool{}
			for k := range timescale.UTC(10) {
				m := Ordinary(june+k*second, true)
				m.Antenna, m.Jamming, m.Spoofing = gnss.AntennaOpen, gnss.ThreatCritical, gnss.ThreatCritical
				m.Quantisation, m.Quantised = clock.Seconds(k)*1e-9, true
				m.NextQuantisation, m.NextQuantised = clock.Seconds(k+1)*1e-9, true
				scanner.Write(clock.Mono(m.UTC), 0, d.Burst(m), func(p scan.Packet) {
					r, err := decoder.Decode(p)
					if err != nil {
						t.Error(err)
					}
					if p := r.Pulse; p != nil {
						next := clock.Seconds(1)
						if p.Past {
							next = 0
						}
						if want := -(clock.Seconds(k) + next) * 1e-9; math.Abs(float64(p.Quantisation-want)) > 1e-13 || p.Valid && p.UTC != m.UTC+timescale.UTC(next)*second {
							t.Errorf("%s: %+v, want %v of %v", p.Message, *p, want, m.UTC+timescale.UTC(next)*second)
						}
						told["pulse"] = told["pulse"] || p.Valid && p.HasQuantisation
					}
					if l := r.Leap; l != nil {
						told["offset"], told["leap"] = true, told["leap"] || l.Announces
						if l.TAIOffset != 35 || l.Announces && (l.Leap != clock.LeapInsert || l.At != leap) {
							t.Errorf("%s: %+v", l.Message, *l)
						}
					}
					if k := r.Mark; k != nil && k.Valid {
						marks[k.Message] = true
						if utc, ok := k.Second(); !ok || utc != m.UTC || !k.FullUTC {
							t.Errorf("%s: %+v, want %v", k.Message, *k, m.UTC)
						}
					}
					if h := r.Health; h != nil {
						told["antenna"] = told["antenna"] || h.Antenna == gnss.AntennaOpen
						told["jamming"] = told["jamming"] || h.Jamming == gnss.ThreatCritical
						told["spoofing"] = told["spoofing"] || h.Spoofing == gnss.ThreatCritical
					}
				})
			}
			want := map[string][]string{
				"ubx-6": {"pulse", "offset", "antenna", "jamming", "spoofing"}, "ubx-7": {"pulse", "offset", "antenna", "jamming"},
				"ubx-8": {"pulse", "offset", "leap", "antenna", "jamming"}, "ubx-9": {"pulse", "offset", "leap", "antenna", "jamming", "spoofing"},
				"ubx-10": {"pulse", "offset", "leap", "antenna", "jamming", "spoofing"}, "casic-1": {"pulse", "offset", "leap", "antenna"},
				"casic-2": {"pulse", "offset", "leap", "antenna", "jamming", "spoofing"},
			}[kind.String()]
			if n := map[Kind]int{KindUBX6: 3, KindUBX7: 4, KindUBX8: 6, KindUBX9: 5, KindUBX10: 5, KindCASIC1: 1, KindCASIC2: 4}[kind]; len(marks) != n {
				t.Errorf("%d kinds of marks, want %d: %v", len(marks), n, marks)
			}
			for _, what := range want {
				if !told[what] {
					t.Errorf("%s is not told: %v", what, told)
				}
			}
		})
	}
}

// Without a fix nothing is vouched for.
func TestDeviceWithoutAFixVouchesForNothing(t *testing.T) {
	for _, kind := range Kinds() {
		for _, binary := range []bool{false, true} {
			d := NewDevice(DeviceConfig{Kind: kind, Binary: binary})
			decoder, scanner, packets := decode.New(), scan.New(), 0
			for k := range timescale.UTC(5) {
				scanner.Write(clock.Mono(k*second), 0, d.Burst(Ordinary(start+k*second, false)), func(p scan.Packet) {
					packets++
					r, err := decoder.Decode(p)
					if err != nil {
						t.Errorf("%v: %v", kind, err)
					}
					if r.Fix != nil && r.Fix.Valid || r.Mark != nil && r.Mark.Valid || r.Pulse != nil && r.Pulse.Valid {
						t.Errorf("%v: %+v %+v %+v", kind, r.Fix, r.Mark, r.Pulse)
					}
				})
			}
			if packets < 10 {
				t.Errorf("%v: %d packets", kind, packets)
			}
		}
	}
}

// changed is a device after some commands.
type changed struct {
	Baud     int
	Interval int
	Saves    int
	Packets  []string // in three seconds after the commands, sorted
	Acks     []gnss.Ack
}

func ack(class, id uint8) gnss.Ack { return gnss.Ack{Class: class, ID: id, Accepted: true} }
func nak(class, id uint8) gnss.Ack { return gnss.Ack{Class: class, ID: id} }

func TestDeviceObeys(t *testing.T) {
	silence := slices.Clip(nmea.AppendPCASRates(nil, nmea.Rates{}))
	ubxOff := func() (b []byte) {
		for id := range ubxSentences {
			b = ubx.Append(b, &ubx.CfgMSG{Of: id})
		}
		return b
	}()
	text := []string{"GNGGA", "GNGSA", "GNRMC"}
	tests := []struct {
		name string
		cfg  DeviceConfig
		say  []byte
		want changed
	}{
		{
			"PCAS01",
			DeviceConfig{Kind: KindCASIC1},
			nmea.AppendPCASBaud(nil, 115200),
			changed{Baud: 115200, Interval: 1000, Packets: []string{"GBGSV", "GNGGA", "GNGSA", "GNRMC", "GNZDA", "GPGSV", "GPTXT"}},
		},
		{"PCAS02", DeviceConfig{Kind: KindCASIC1}, append(nmea.AppendPCASInterval(nil, 500), silence...), changed{Baud: 9600, Interval: 500}},
		{
			"PCAS03",
			DeviceConfig{Kind: KindCASIC2},
			nmea.AppendPCASRates(nil, nmea.Rates{ZDA: 1}),
			changed{Baud: 9600, Interval: 1000, Packets: []string{"GNZDA"}},
		},
		{
			"PCAS04",
			DeviceConfig{Kind: KindCASIC1},
			append(nmea.AppendPCASSystems(nil, nmea.PCASBeiDou), nmea.AppendPCASRates(nil, nmea.Rates{GSV: 1})...),
			changed{Baud: 9600, Interval: 1000, Packets: []string{"GBGSV"}},
		},
		{"PCAS00", DeviceConfig{Kind: KindCASIC1}, nmea.AppendSentence(silence, "PCAS00"), changed{Baud: 9600, Interval: 1000, Saves: 1}},
		{
			"CASIC CFG-MSG",
			DeviceConfig{Kind: KindCASIC1},
			casic.Append(casic.Append(silence, &casic.CfgMSG{Of: casic.IDNavPV, Rate: 1}), &casic.CfgMSG{Of: casic.IDNav2PVH, Rate: 1}),
			changed{Baud: 9600, Interval: 1000, Packets: []string{"NAV-PV"}, Acks: []gnss.Ack{ack(6, 1), nak(6, 1)}},
		},
		{
			"CASIC CFG-PRT and CFG-RATE",
			DeviceConfig{Kind: KindCASIC2},
			casic.Append(casic.Append(silence, &casic.CfgRATE{Interval: 200}), &casic.CfgPRT{
				PortID: casic.CurrentPort, ProtoMask: 0x33, Mode: casic.UART8N1, BaudRate: 57600,
			}),
			changed{Baud: 57600, Interval: 200, Acks: []gnss.Ack{ack(6, 4)}}, // the other answer is at the new rate
		},
		{
			"UBX CFG-MSG",
			DeviceConfig{Kind: KindUBX8},
			ubx.Append(ubx.Append(slices.Clone(ubxOff), &ubx.CfgMSG{Of: ubx.IDTimTP, Rate: 1}), &ubx.CfgMSG{Of: ubx.IDMonRF, Rate: 1}),
			changed{Baud: 9600, Interval: 1000, Packets: []string{"TIM-TP"}, Acks: append(slices.Repeat([]gnss.Ack{ack(6, 1)}, 12), nak(6, 1))},
		},
		{
			"UBX CFG-PRT: UBX alone",
			DeviceConfig{Kind: KindUBX6},
			ubx.Append(nil, &ubx.CfgPRT{PortID: 1, Mode: ubx.UART8N1, BaudRate: 9600, InProtoMask: 3, OutProtoMask: ubx.ProtoUBX}),
			changed{Baud: 9600, Interval: 1000, Acks: []gnss.Ack{ack(6, 0)}},
		},
		{
			"CFG-VALSET",
			DeviceConfig{Kind: KindUBX10},
			ubx.Append(nil, &ubx.CfgVALSET{Layers: ubx.LayerRAM, Items: []ubx.Item{
				{Key: ubx.KeyUART1OutNMEA, Value: 0}, {Key: ubx.KeyMsgNavPVT, Value: 1}, {Key: ubx.KeyMsgNavTIMELS, Value: 2},
			}}),
			changed{Baud: 38400, Interval: 1000, Packets: []string{"NAV-PVT", "NAV-TIMELS"}, Acks: []gnss.Ack{ack(6, 0x8A)}},
		},
		{
			"CFG-VALSET with a key that it hasn't, nothing changes",
			DeviceConfig{Kind: KindUBX10},
			ubx.Append(nil, &ubx.CfgVALSET{Layers: ubx.LayerRAM, Items: []ubx.Item{{Key: ubx.KeyRateMeas, Value: 100}, {Key: ubx.KeyTModeMode, Value: 1}}}),
			changed{Baud: 38400, Interval: 1000, Packets: append(slices.Clone(text), "GAGSV", "GBGSV", "GPGSV"), Acks: []gnss.Ack{nak(6, 0x8A)}},
		},
		{
			"CFG-VALSET of a message that it hasn't",
			DeviceConfig{Kind: KindUBX10},
			ubx.Append(nil, &ubx.CfgVALSET{Layers: ubx.LayerRAM, Items: []ubx.Item{{Key: ubx.KeyUART1OutNMEA, Value: 0}, {Key: ubx.KeyMsgTimSVIN, Value: 1}}}),
			changed{Baud: 38400, Interval: 1000, Packets: append(slices.Clone(text), "GAGSV", "GBGSV", "GPGSV"), Acks: []gnss.Ack{nak(6, 0x8A)}},
		},
		{
			"CFG-VALSET into flash",
			DeviceConfig{Kind: KindUBX9},
			ubx.Append(nil, &ubx.CfgVALSET{Layers: 1 | 4, Items: []ubx.Item{{Key: ubx.KeyUART1OutNMEA, Value: 0}}}),
			changed{Baud: 38400, Interval: 1000, Saves: 1, Acks: []gnss.Ack{ack(6, 0x8A)}},
		},
		{
			"old commands to generation 10",
			DeviceConfig{Kind: KindUBX10},
			ubx.Append(nil, &ubx.CfgRATE{MeasRate: 100, NavRate: 1}),
			changed{Baud: 38400, Interval: 1000, Packets: append(slices.Clone(text), "GAGSV", "GBGSV", "GPGSV"), Acks: []gnss.Ack{nak(6, 8)}},
		},
		{
			"a new command to generation 8",
			DeviceConfig{Kind: KindUBX8},
			ubx.Append(nil, &ubx.CfgVALSET{Layers: 1, Items: []ubx.Item{{Key: ubx.KeyUART1OutNMEA, Value: 0}}}),
			changed{Baud: 9600, Interval: 1000, Packets: append(slices.Clone(text), "GAGSV", "GBGSV", "GPGSV"), Acks: []gnss.Ack{nak(6, 0x8A)}},
		},
		{
			"PUBX,40 and PUBX,41",
			DeviceConfig{Kind: KindUBX7, Baud: 4800},
			nmea.AppendPUBXPort(nmea.AppendPUBXRate(nmea.AppendPUBXRate(nil, "ZDA", 1), "GSV", 0), ubx.ProtoNMEA, 19200),
			changed{Baud: 19200, Interval: 1000, Packets: []string{"GPGGA", "GPGSA", "GPRMC", "GPZDA"}},
		},
		{"deaf", DeviceConfig{Kind: KindCASIC1, Deaf: true, Baud: 38400}, append(silence, nmea.AppendPCASBaud(nil, 4800)...), changed{
			Baud: 38400, Interval: 1000, Packets: []string{"GBGSV", "GNGGA", "GNGSA", "GNRMC", "GNZDA", "GPGSV", "GPTXT"},
		}},
		{
			"PMTK314 and PMTK220",
			DeviceConfig{Kind: KindMTK, Baud: 38400},
			nmea.AppendSentence(nmea.AppendSentence(nil, "PMTK314,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,0"), "PMTK220,500"),
			changed{Baud: 38400, Interval: 500, Packets: []string{"GPRMC", "GPZDA"}},
		},
		{
			"PMTK251",
			DeviceConfig{Kind: KindMTK},
			nmea.AppendSentence(nil, "PMTK251,57600"),
			changed{Baud: 57600, Interval: 1000, Packets: []string{"GPGGA", "GPGSA", "GPGSV", "GPRMC"}},
		},
		{"another maker's commands", DeviceConfig{Kind: KindUBX8}, silence, changed{
			Baud: 9600, Interval: 1000, Packets: append(slices.Clone(text), "GAGSV", "GBGSV", "GPGSV"),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.cfg.Seed = 1
			d := NewDevice(tt.cfg)
			h := newHost(t, d, d.Baud())
			h.say(tt.say)
			h.until(h.at + 2*second) // long commands take their time at 9600 baud
			got := changed{Baud: d.Baud(), Interval: d.set.interval, Saves: d.Saves(), Acks: h.acks()}
			h.baud, h.packets = d.Baud(), map[string]int{}
			h.seconds(3)
			for name := range h.packets {
				got.Packets = append(got.Packets, name)
			}
			slices.Sort(got.Packets)
			slices.Sort(tt.want.Packets)
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
			d.PowerCycle(h.at)
			if again := NewDevice(tt.cfg); fmt.Sprint(d.set) != fmt.Sprint(again.set) {
				t.Errorf("after the power was away %+v, want %+v", d.set, again.set)
			}
		})
	}
}

// A command at another rate than the device's is garbage to it.
func TestDeviceMishearsCommandsAtAnotherRate(t *testing.T) {
	for _, baud := range fieldBauds {
		if baud == 9600 {
			continue
		}
		for _, kind := range []Kind{KindUBX8, KindCASIC1} {
			d := NewDevice(DeviceConfig{Kind: kind})
			h := newHost(t, d, baud)
			h.say(nmea.AppendPCASBaud(ubx.Append(nil, &ubx.CfgMSG{Of: ubx.IDNavPVT, Rate: 1}), 4800))
			h.say(casic.Append(ubx.AppendPoll(nil, ubx.IDMonVER), &casic.CfgMSG{Of: casic.IDNavPV, Rate: 1}))
			h.until(h.at + second)
			if want := NewDevice(DeviceConfig{Kind: kind}); fmt.Sprint(d.set) != fmt.Sprint(want.set) || len(h.packets) > 0 {
				t.Errorf("%v at %d baud: %+v, answered %v", kind, baud, d.set, h.packets)
			}
		}
	}
}

// A device says who it is when asked and when its power comes.
func TestDeviceIntroducesItself(t *testing.T) {
	question := map[Kind][]byte{
		KindCASIC1: nmea.AppendPCASQuery(nil, nmea.PCASHardware),
		KindCASIC2: casic.AppendPoll(nil, casic.IDMonVER), KindMTK: nmea.AppendSentence(nil, "PMTK605"),
	}
	want := map[Kind][2]string{ // asked, and at its start
		KindUBX6: {"u-blox generation 6", "u-blox UBX-G60xx"}, KindUBX7: {"u-blox generation 7", "u-blox UBX-G70xx"},
		KindUBX8: {"u-blox NEO-M8T-0", "u-blox NEO-M8T-0"}, KindUBX9: {"u-blox ZED-F9T", "u-blox ZED-F9T"},
		KindUBX10: {"u-blox generation 10, SPG 5.10", "u-blox"}, KindCASIC1: {"CASIC ATGM336H", "CASIC AT6558R-5N-32-1C510800"},
		KindCASIC2: {"CASIC ATGM332D-F8N", "CASIC AT9880B-5N-32-1C580901"}, KindNMEA: {"", ""}, KindMTK: {"MediaTek", "MediaTek"},
	}
	for _, kind := range Kinds() {
		for i := range 2 {
			d := NewDevice(DeviceConfig{Kind: kind})
			h := newHost(t, d, d.Baud())
			if i == 1 {
				d.PowerCycle(start)
			} else if q := question[kind]; q != nil {
				h.say(q)
			} else {
				h.say(ubx.AppendPoll(nil, ubx.IDMonVER))
			}
			h.until(h.at + second)
			if got := h.decoder.Receiver(); got != want[kind][i] {
				t.Errorf("%v: %q, want %q", kind, got, want[kind][i])
			}
		}
	}
}

// What does not fit on the line before the next second is left out, the least important first, and nothing is late.
func TestDeviceLeavesOutWhatDoesNotFit(t *testing.T) {
	d := NewDevice(DeviceConfig{Kind: KindUBX8, Baud: 4800, Binary: true, Delay: 100 * time.Millisecond})
	h := newHost(t, d, 4800)
	h.seconds(60)
	if d.Dropped() == 0 || h.packets["NAV-PVT"] < 59 || h.packets["TIM-TP"] < 59 || h.packets["NAV-SAT"] > 30 {
		t.Errorf("dropped %d, sent %v", d.Dropped(), h.packets)
	}
	for _, r := range h.reports {
		if m := r.Mark; m != nil {
			if utc, ok := m.Second(); !ok || timescale.UTC(m.Arrival)-utc > second {
				t.Errorf("%s of %v at %v", m.Message, m.UTC, timescale.UTC(m.Arrival))
			}
		}
	}
}

func TestKindsAreNamed(t *testing.T) {
	for _, k := range Kinds() {
		if got, err := KindNamed(k.String()); err != nil || got != k {
			t.Errorf("%v: %v, %v", k, got, err)
		}
	}
	if _, err := KindNamed("ubx"); err == nil || !strings.Contains(err.Error(), "ubx-8") {
		t.Errorf("error %v does not say which are known", err)
	}
}

// Within a world a device is heard at the host's rate, and obeys what the board sends.
func TestWorldHearsItsDevice(t *testing.T) {
	d := NewDevice(DeviceConfig{Kind: KindUBX8, Seed: 1, Delay: 50 * time.Millisecond})
	w := New(Config{Model: named(t, "perfect"), Seed: 1, Start: start, Receiver: d, HostBaud: 57600})
	var packets map[string]int
	h := newHost(t, d, 0)
	hear := func(seconds time.Duration) {
		h.packets, h.scanner = map[string]int{}, scan.New()
		for _, e := range ofKind(listen(w, seconds*time.Second), timing.KindBytes) {
			if e.Baud != w.hostBaud {
				t.Fatalf("bytes of %d baud, want %d", e.Baud, w.hostBaud)
			}
			h.scanner.Write(e.At, 10/clock.Seconds(e.Baud), e.Bytes, h.take)
		}
		packets = h.packets
	}
	if hear(10); len(packets) > 0 {
		t.Errorf("9600 baud heard at 57600: %v", packets)
	}
	w.Listen(9600)
	if hear(10); packets["GNRMC"] != 10 {
		t.Errorf("at 9600 baud: %v", packets)
	}
	w.Send(ubx.Append(nil, &ubx.CfgPRT{PortID: 1, Mode: ubx.UART8N1, BaudRate: 57600, InProtoMask: 1, OutProtoMask: 1}))
	hear(1)
	w.Listen(57600)
	w.Send(ubx.Append(nil, &ubx.CfgMSG{Of: ubx.IDNavPVT, Rate: 1}))
	if hear(10); packets["NAV-PVT"] != 10 || packets["ACK-ACK"] != 1 || packets["GNRMC"] != 0 {
		t.Errorf("UBX at 57600 baud: %v", packets)
	}
	for _, r := range h.reports {
		if m := r.Mark; m != nil {
			utc, _ := m.Second()
			if late := clock.Seconds(m.Arrival-w.Clock().ReadAt(utc).Mono) * 1e-9; late < 0.05 || late > 0.052 {
				if m.Message == "NAV-PVT" {
					t.Errorf("%s comes %v s after its second", m.Message, late)
				}
			}
		}
	}
	w.Send(ubx.Append(nil, &ubx.CfgTP5{})) // no pulse any more
	hear(1)
	if n := len(ofKind(listen(w, 10*time.Second), timing.KindEdge)); n > 0 {
		t.Errorf("%d pulses of a receiver that was told to give none", n)
	}
}

// What a receiver declares of its pulses is what they are off by its own clock: corrected by it, only the other noise is
// left. The second generation of CASIC has no room for more than 12.7 ns.
func TestDeclaredQuantisationIsInThePulse(t *testing.T) {
	m := named(t, "pi-hwts")
	if m.Gauss != 10e-9 || m.Sawtooth != 20e-9 {
		t.Fatalf("the model has %v and %v", m.Gauss, m.Sawtooth)
	}
	for _, kind := range []Kind{KindUBX6, KindUBX8, KindUBX9, KindCASIC1, KindCASIC2} {
		for _, backwards := range []bool{false, true} {
			if testing.Short() && backwards {
				continue
			}
			m.Sawtooth = 20e-9
			if kind == KindCASIC2 {
				m.Sawtooth = 12e-9
			}
			w := New(Config{
				Model: m, Seed: 5, Start: start,
				Receiver: NewDevice(DeviceConfig{Kind: kind, Baud: 115200, Binary: true, Delay: 50 * time.Millisecond, Backwards: backwards}),
			})
			declared := map[timescale.UTC]float64{}
			scanner, decoder := scan.New(), decode.New()
			for _, e := range ofKind(listen(w, 3000*time.Second), timing.KindBytes) {
				scanner.Write(e.At, 10/clock.Seconds(e.Baud), e.Bytes, func(p scan.Packet) {
					if r, _ := decoder.Decode(p); r.Pulse != nil && r.Pulse.Valid {
						declared[r.Pulse.UTC] = float64(r.Pulse.Quantisation)
					}
				})
			}
			nature := Generate(m, 5, 0)
			var rest []float64
			for k := range timescale.UTC(3000) {
				s, _ := nature.Second()
				if q, ok := declared[start+k*second]; ok && backwards {
					rest = append(rest, float64(s.PulseNoise)-q)
				} else if ok {
					rest = append(rest, float64(s.PulseNoise)+q)
				}
			}
			if len(rest) < 2990 {
				t.Errorf("%v: %d pulses of 3000 declared", kind, len(rest))
			}
			_, sd := moments(rest)
			within(t, kind.String()+": sigma of what is left", sd, m.Gauss, sigmas*m.Gauss/math.Sqrt(2*3000))
		}
	}
}

// Whatever a device is told, it goes on, and what it keeps is bounded.
func FuzzDeviceObeys(f *testing.F) {
	f.Add(uint8(KindUBX8), []byte{0x06, 0x08, 6, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0, 0x06, 0x01, 3, 1, 7, 1})
	f.Add(uint8(KindUBX10), []byte{0x06, 0x8A, 9, 0, 7, 0, 0, 1, 0, 0x52, 0x40, 0xFF})
	f.Add(uint8(KindCASIC1), []byte{0x06, 0x01, 4, 1, 3, 0xFF, 0xFF, 0x06, 0x04, 4, 1, 0, 0, 0})
	f.Add(uint8(KindCASIC2), []byte("PCAS03,9,-1,,,,99999999999999999999,1*"))
	f.Add(uint8(KindUBX6), []byte("PUBX,41,1,FFFF,FFFF,4800,0"))
	f.Add(uint8(KindMTK), []byte("PMTK314"))
	f.Add(uint8(KindMTK), []byte("PMTK251,0*"))
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		d := NewDevice(DeviceConfig{Kind: Kind(kind % uint8(kinds)), Baud: 460800, Binary: kind&0x80 != 0})
		commands := nmea.AppendSentence(slices.Clone(data), string(data))
		for rest := data; len(rest) >= 3; { // class, id, length, payload
			n := min(int(rest[2]), len(rest)-3)
			commands = ubx.AppendPayload(commands, ubx.ID(rest[0])<<8|ubx.ID(rest[1]), rest[3:3+n])
			commands = append(commands, casicFrame(rest[0], rest[1], rest[3:3+n])...)
			rest = rest[3+n:]
		}
		at := start
		for range 3 {
			d.Write(at, d.Baud(), commands)
			at = max(d.Busy(), at) + second
			d.Speak(at, Ordinary(at, true))
			d.Read(at+second, d.Baud())
			at += second
		}
		if n := len(d.set.sentences) + len(d.set.rates); n > 60 || len(d.out.bytes) > maxSent || d.set.interval <= 0 || !possible(d.Baud()) {
			t.Errorf("%d settings, %d bytes, every %d ms at %d baud", n, len(d.out.bytes), d.set.interval, d.Baud())
		}
	})
}

// casicFrame frames a payload, filled to whole words.
func casicFrame(class, id uint8, payload []byte) []byte {
	payload = append(slices.Clone(payload), make([]byte, -len(payload)&3)...)
	b := append([]byte{0xBA, 0xCE, uint8(len(payload)), 0, class, id}, payload...)
	var sum uint32
	for w := b[2:]; len(w) >= 4; w = w[4:] {
		sum += binary.LittleEndian.Uint32(w)
	}
	return binary.LittleEndian.AppendUint32(b, sum)
}

// A receiver whose week number has rolled over is 1024 weeks early in all that it says, and hears the leap second count of
// today.
func TestRolledOverDeviceKnowsTheLeapSeconds(t *testing.T) {
	for _, kind := range []Kind{KindUBX6, KindUBX8, KindCASIC1, KindCASIC2} {
		d := NewDevice(DeviceConfig{Kind: kind, Baud: 115200, Binary: true, Delay: 50 * time.Millisecond})
		w := New(Config{Model: named(t, "perfect"), Start: start, Receiver: d, Faults: []Fault{{Name: FaultDate}}})
		scanner, decoder, marks, counts := scan.New(), decode.New(), map[time.Duration]int{}, 0
		for _, e := range ofKind(listen(w, 10*time.Second), timing.KindBytes) {
			scanner.Write(e.At, 10/clock.Seconds(e.Baud), e.Bytes, func(p scan.Packet) {
				r, err := decoder.Decode(p)
				if err != nil {
					t.Errorf("%v: %v", kind, err)
				}
				if m := r.Mark; m != nil && m.Valid {
					utc, _ := m.Second()
					marks[time.Duration(utc-e.truth/second*second)]++
				}
				if l := r.Leap; l != nil && l.TAIOffset != 0 {
					counts++
					if l.TAIOffset != 37 {
						t.Errorf("%v: %s tells TAI - UTC = %d", kind, l.Message, l.TAIOffset)
					}
				}
			})
		}
		if counts == 0 || len(marks) != 1 || marks[-rollover] < 10 {
			t.Errorf("%v: %d counts, marks by error %v", kind, counts, marks)
		}
	}
}

// A device that solves four times a second says the time of each solution at its time, and of each pulse once.
func TestDeviceSolvesOften(t *testing.T) {
	for _, kind := range []Kind{KindUBX8, KindCASIC1, KindCASIC2} {
		d := NewDevice(DeviceConfig{Kind: kind, Baud: 460800, Binary: true, Delay: 10 * time.Millisecond})
		d.set.interval = 250
		h := newHost(t, d, 460800)
		h.seconds(20)
		marks, pulses := map[string]int{}, 0
		for _, r := range h.reports {
			if m := r.Mark; m != nil {
				marks[m.Message]++
				if late := timescale.UTC(m.Arrival) - m.UTC; late < 0 || late > second/20 {
					t.Errorf("%v: %s names %v at %v", kind, m.Message, m.UTC, timescale.UTC(m.Arrival))
				}
			}
			if p := r.Pulse; p != nil {
				pulses++
				if p.UTC%second != 0 {
					t.Errorf("%v: %s names a pulse at %v", kind, p.Message, p.UTC)
				}
			}
		}
		for message, n := range marks {
			if n != 80 {
				t.Errorf("%v: %d times %s in 20 s, want 80", kind, n, message)
			}
		}
		if len(marks) == 0 || pulses != 20 {
			t.Errorf("%v: %v, %d pulses", kind, marks, pulses)
		}
	}
}
