package sim

import (
	"fmt"
	"slices"
	"time"

	"timeball/gnss/casic"
	"timeball/gnss/scan"
	"timeball/gnss/timescale"
	"timeball/gnss/ubx"
)

// Kind is a family of receivers: what they speak and which commands they take.
type Kind uint8

// The kinds of receivers.
const (
	KindNMEA   Kind = iota // speaks NMEA and takes no commands
	KindUBX6               // u-blox: no NAV-PVT
	KindUBX7               // NAV-PVT of 84 bytes
	KindUBX8               // NAV-SAT, NAV-TIMELS
	KindUBX9               // MON-RF, CFG-VALSET, and the commands of generation 8
	KindUBX10              // CFG-VALSET only
	KindCASIC1             // AT6558: NAV, TIM
	KindCASIC2             // its successor: NAV2, TIM2
	KindMTK                // MT3339 and its like: NMEA, and PMTK commands
	kinds
)

// String returns the kind's name.
func (k Kind) String() string {
	return [kinds]string{"nmea", "ubx-6", "ubx-7", "ubx-8", "ubx-9", "ubx-10", "casic-1", "casic-2", "mtk"}[k]
}

// Kinds returns all kinds of receivers.
func Kinds() []Kind {
	all := make([]Kind, kinds)
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

// KindNamed returns the kind of that name.
func KindNamed(name string) (Kind, error) {
	for _, k := range Kinds() {
		if k.String() == name {
			return k, nil
		}
	}
	return 0, fmt.Errorf("no receiver %q: known are %v", name, Kinds())
}

// ubx says whether it is of u-blox, casic whether it is of CASIC.
func (k Kind) ubx() bool   { return k >= KindUBX6 && k <= KindUBX10 }
func (k Kind) casic() bool { return k == KindCASIC1 || k == KindCASIC2 }

// DeviceConfig says what a Device is and how it is set when the power comes.
type DeviceConfig struct {
	Kind   Kind
	Seed   uint64        // of its satellites
	Baud   int           // 0: as the maker delivers it, 9600, or 38400 from u-blox generation 9 on
	Binary bool          // it speaks its binary protocol alone, if it has one, as set and saved by someone before; otherwise NMEA alone
	Delay  time.Duration // from the pulse to the first byte's start; negative: of the pulse to come
	Deaf   bool          // nobody has connected the wire to it
	// Backwards turns the sign of the quantisation error: positive is a late pulse. Otherwise it is an early one, as of
	// u-blox' ZED-F9T (compared with a reference by A. Wallin, 2019) and of CASIC's specification.
	Backwards bool
}

// Device is a simulated receiver behind a UART: it has a baud rate, takes commands and answers them. What it is told is
// kept until the power goes and never longer: commands to save are counted and change nothing.
//
// Its owner moves it through truth: Speak, Write, Read and PowerCycle take instants that never go back. Use NewDevice.
type Device struct {
	cfg DeviceConfig
	set settings

	out, in   line
	scanner   *scan.Scanner
	heardAt   timescale.UTC // the last byte on in
	replyTo   timescale.UTC // its last byte was there then
	last      Moment        // that was spoken of
	sky       []constellation
	solutions int // since the power came
	talker    *Talker
	known     []uint16 // binary messages that it has, in the order in which they are sent

	saves   int
	dropped int
}

// settings are what commands change. The maps are of the device alone.
type settings struct {
	baud         int
	interval     int            // ms between solutions
	binary, text bool           // protocols that are sent
	rates        map[uint16]int // binary messages: once every so many solutions
	sentences    map[string]int
	systems      int // bits of PCAS04
	pulse        ubx.CfgTP5
	pulseCASIC   casic.CfgTP
}

// NewDevice returns a device whose power has come; it has not said anything yet.
func NewDevice(cfg DeviceConfig) *Device {
	if cfg.Baud == 0 {
		cfg.Baud = 9600
		if cfg.Kind == KindUBX9 || cfg.Kind == KindUBX10 {
			cfg.Baud = 38400
		}
	}
	d := &Device{cfg: cfg, talker: NewTalker(cfg.Seed, cfg.Baud, cfg.Delay)}
	d.known = append(d.usual(), d.others()...)
	d.reset()
	return d
}

// reset gives the device the settings with which it was made.
func (d *Device) reset() {
	d.set = settings{
		baud: d.cfg.Baud, interval: 1000, binary: d.cfg.Kind.ubx() || d.cfg.Kind.casic(), text: true, sentences: d.cfg.Kind.usualSentences(),
		rates: map[uint16]int{}, systems: allSystems, pulse: usualPulse, pulseCASIC: usualPulseCASIC,
	}
	if d.cfg.Binary && d.set.binary {
		d.set.sentences = map[string]int{}
		d.set.text = d.cfg.Kind.casic() // which take both protocols as one
		for _, id := range d.usual() {
			d.set.rates[id] = 1
		}
	}
	d.scanner, d.solutions, d.last = scan.New(), 0, Moment{}
}

// usual returns the binary messages of a device that speaks nothing else, in the order in which they are sent.
func (d *Device) usual() []uint16 {
	if d.cfg.Kind.casic() {
		return numbers(casicUsual[d.cfg.Kind])
	}
	return numbers(ubxUsual[d.cfg.Kind])
}

// others returns further binary messages that can be switched on.
func (d *Device) others() []uint16 {
	if d.cfg.Kind.casic() {
		return numbers(casicOthers[d.cfg.Kind])
	}
	return numbers(ubxOthers[d.cfg.Kind])
}

func numbers[T ~uint16](ids []T) []uint16 {
	all := make([]uint16, len(ids))
	for i, id := range ids {
		all[i] = uint16(id)
	}
	return all
}

// PowerCycle takes the power away and gives it back: what was not sent yet is lost, settings are as at first, and the
// device says who it is.
func (d *Device) PowerCycle(at timescale.UTC) {
	d.advance(at)
	d.out.cut(at)
	d.reset()
	d.replyTo = at
	d.boot(at)
}

// boot says the texts of a start.
func (d *Device) boot(at timescale.UTC) {
	if d.set.text {
		d.out.send(at, d.set.baud, d.banner())
	}
}

// Baud returns the present rate of the device.
func (d *Device) Baud() int { return d.set.baud }

// SetBaud changes the rate, as someone else could have done. What is being sent goes on at the old one to the end of its byte.
func (d *Device) SetBaud(at timescale.UTC, baud int) {
	d.advance(at)
	rest := d.out.cut(at)
	d.set.baud = baud
	d.out.send(at, baud, rest)
}

// Saves returns how many commands to save the settings were received.
func (d *Device) Saves() int { return d.saves }

// Dropped returns how many messages were not sent because the line had no room for them.
func (d *Device) Dropped() int { return d.dropped }

// Pulses says whether there is a pulse, given a fix: commands can switch it off or change its period.
func (d *Device) Pulses() bool {
	if d.cfg.Kind.casic() {
		return d.set.pulseCASIC.Enable != 0 && d.set.pulseCASIC.Interval == 1e6
	}
	p := &d.set.pulse
	period, isFrequency := p.FreqPeriod, p.Flags&ubx.TPIsFreq != 0
	if p.Flags&ubx.TPLockedOther != 0 {
		period = p.FreqPeriodLock
	}
	return p.Flags&ubx.TPActive != 0 && (isFrequency && period == 1 || !isFrequency && period == 1e6)
}

// Line implements Receiver.
func (d *Device) Line() (int, time.Duration) { return d.set.baud, d.cfg.Delay }

// Burst implements Receiver: all that the device has to say of a second, as it is set now.
func (d *Device) Burst(m Moment) []byte {
	var b []byte
	d.compose(m, func(message []byte) { b = append(b, message...) })
	return b
}

// compose makes the messages of a solution, the most important first.
func (d *Device) compose(m Moment, say func([]byte)) {
	d.last, d.sky = m, d.look(m)
	n := d.solutions
	d.solutions++
	due := func(rate int) bool { return rate > 0 && n%rate == 0 }
	if d.set.binary {
		for _, id := range d.known {
			if due(d.set.rates[id]) {
				d.message(id, m, say)
			}
		}
	}
	if d.set.text {
		for _, kind := range sentenceOrder {
			if due(d.set.sentences[kind]) {
				d.sentence(kind, m, say)
			}
		}
	}
}

// message makes one binary message. Pulses are told once a second, however often the device solves.
func (d *Device) message(id uint16, m Moment, say func([]byte)) {
	pulse := d.cfg.Kind.ubx() && ubx.ID(id) == ubx.IDTimTP ||
		d.cfg.Kind.casic() && slices.Contains([]casic.ID{casic.IDTimTP, casic.IDTim2TPX}, casic.ID(id))
	if pulse && m.UTC%second != 0 {
		return
	}
	if d.cfg.Kind.ubx() {
		d.ubxMessage(ubx.ID(id), m, say)
	} else {
		d.casicMessage(casic.ID(id), m, say)
	}
}

// Speak puts on the line what the device has to say of a second, from at on. A device that solves more often speaks of
// the parts of the second at their time. What would still be sent when the next solution comes is dropped, as a receiver
// does whose buffer is full.
func (d *Device) Speak(at timescale.UTC, m Moment) {
	d.advance(at)
	n := max(1, 1000/max(1, d.set.interval))
	step := second / timescale.UTC(n)
	if d.set.interval > 1000 && m.UTC/second%timescale.UTC(d.set.interval/1000) != 0 {
		return
	}
	for i := range timescale.UTC(n) {
		part, begin := m, at+i*step
		part.UTC += i * step
		d.compose(part, func(message []byte) {
			if max(begin, d.out.free)+bits(float64(bitsOfByte*len(message)), d.set.baud) > begin+step {
				d.dropped++
				return
			}
			d.out.send(begin, d.set.baud, message)
		})
	}
}

// Write takes bytes that a host sends at its rate from at on.
func (d *Device) Write(at timescale.UTC, baud int, b []byte) {
	d.advance(at)
	if !d.cfg.Deaf {
		d.in.send(at, baud, b)
	}
}

// Read returns what a host that listens at that rate has read until to and not been given before.
func (d *Device) Read(to timescale.UTC, baud int) []Byte { return d.read(nil, to, baud) }

// read appends what Read returns.
func (d *Device) read(dst []Byte, to timescale.UTC, baud int) []Byte {
	d.advance(to)
	for {
		b, ok := d.out.listen(to, baud)
		if !ok {
			return dst
		}
		dst = append(dst, b)
	}
}

// Busy returns until when the device is known to be sending.
func (d *Device) Busy() timescale.UTC { return max(d.out.free, d.in.free) }

// A gap that no command has: what came before it belongs to none that comes after.
const longestGap = timescale.UTC(time.Second)

// advance lets the device read what has come by to, and obey.
func (d *Device) advance(to timescale.UTC) {
	for {
		b, ok := d.in.listen(to, d.set.baud)
		if !ok {
			return
		}
		if b.At-d.heardAt > longestGap {
			d.scanner = scan.New()
		}
		d.heardAt, d.replyTo = b.At, b.At
		d.scanner.Write(0, 0, []byte{b.Value}, d.obey)
	}
}

// obey does what a packet asks for.
func (d *Device) obey(p scan.Packet) {
	switch {
	case p.Protocol == scan.UBX && d.cfg.Kind.ubx():
		d.obeyUBX(p.Data)
	case p.Protocol == scan.CASIC && d.cfg.Kind.casic():
		d.obeyCASIC(p.Data)
	case p.Protocol == scan.NMEA:
		d.obeyText(string(p.Data))
	}
}

// reply sends an answer as soon as the line is free.
func (d *Device) reply(b []byte) { d.out.send(d.replyTo, d.set.baud, b) }

// change changes the rate behind what is being sent.
func (d *Device) change(baud int) { d.set.baud = baud }
