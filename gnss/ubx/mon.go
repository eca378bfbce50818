package ubx

import "timeball/gnss/wire"

// TimTP describes the pulse that follows it.
type TimTP struct {
	TowMS    uint32 // ms, time of week of the pulse in the time base
	TowSubMS uint32 // 2^-32 ms
	QErr     int32  // ps, quantisation error of the pulse
	Week     uint16 // of the time base
	Flags    uint8  // bit 0: base is UTC; 1: UTC is known; 2 and 3: RAIM; 4: QErr is not valid
	RefInfo  uint8  // bits 0 to 3: system of the base, 0 GPS, 1 GLONASS, 2 BeiDou, 3 Galileo, 4 NavIC, 15 not known
}

// The bits of TimTP.Flags.
const (
	TPBaseUTC     = 1 << 0
	TPUTC         = 1 << 1
	TPQErrInvalid = 1 << 4
)

// ID implements Message.
func (*TimTP) ID() ID { return IDTimTP }

func (m *TimTP) fields(c *wire.Codec) {
	c.U4(&m.TowMS)
	c.U4(&m.TowSubMS)
	c.I4(&m.QErr)
	c.U2(&m.Week)
	c.U1(&m.Flags)
	c.U1(&m.RefInfo)
}

// TimSVIN is the survey-in of timing receivers.
type TimSVIN struct {
	Dur                 uint32 // s
	MeanX, MeanY, MeanZ int32  // cm, ECEF
	MeanV               uint32 // mm^2, variance of the mean
	Obs                 uint32
	Valid, Active       uint8
}

// ID implements Message.
func (*TimSVIN) ID() ID { return IDTimSVIN }

func (m *TimSVIN) fields(c *wire.Codec) {
	c.U4(&m.Dur)
	c.I4(&m.MeanX)
	c.I4(&m.MeanY)
	c.I4(&m.MeanZ)
	c.U4(&m.MeanV)
	c.U4(&m.Obs)
	c.U1(&m.Valid)
	c.U1(&m.Active)
	c.Skip(2)
}

// MonVER is the version of the receiver.
type MonVER struct {
	SwVersion  string   // at most 30 bytes
	HwVersion  string   // at most 10
	Extensions []string // at most 30 each: "FWVER=TIM 1.10", "MOD=NEO-M8T-0"
}

// ID implements Message.
func (*MonVER) ID() ID { return IDMonVER }

// maxExtensions bounds what is read; receivers send about 10.
const maxExtensions = 64

func (m *MonVER) fields(c *wire.Codec) {
	c.Text(&m.SwVersion, 30)
	c.Text(&m.HwVersion, 10)
	if !c.Writing() {
		m.Extensions = make([]string, min(max(c.Left(), 0)/30, maxExtensions))
	}
	for i := range m.Extensions {
		c.Text(&m.Extensions[i], 30)
	}
}

// MonHW is the state of the hardware up to generation 8: 60 bytes, and 68 from generation 6.
type MonHW struct {
	NoisePerMS uint16
	AgcCnt     uint16 // 0 to 8191
	AStatus    uint8  // antenna: 0 initialising, 1 not known, 2 OK, 3 short, 4 open
	APower     uint8  // 0 off, 1 on, 2 not known
	Flags      uint8  // bits 2 and 3: jamming, 0 not known, 1 none, 2 warning, 3 critical
	JamInd     uint8  // continuous wave, 0 to 255
}

// ID implements Message.
func (*MonHW) ID() ID { return IDMonHW }

func (m *MonHW) fields(c *wire.Codec) {
	pins := 17
	if !c.Writing() && c.Left() >= 68 {
		pins = 25
	}
	c.Skip(16)
	c.U2(&m.NoisePerMS)
	c.U2(&m.AgcCnt)
	c.U1(&m.AStatus)
	c.U1(&m.APower)
	c.U1(&m.Flags)
	c.Skip(5 + pins)
	c.U1(&m.JamInd)
	c.Skip(14)
}

// MonHW3 is the state of the hardware of generation 9; what became of the antenna and jamming is in MonRF.
type MonHW3 struct {
	Version   uint8
	Flags     uint8
	HwVersion string // at most 10 bytes
	Pins      []uint16
}

// ID implements Message.
func (*MonHW3) ID() ID { return IDMonHW3 }

func (m *MonHW3) fields(c *wire.Codec) {
	n := uint8(min(len(m.Pins), 255))
	c.U1(&m.Version)
	c.U1(&n)
	c.U1(&m.Flags)
	c.Text(&m.HwVersion, 10)
	c.Skip(9)
	m.Pins = sized(m.Pins, int(n), c)
	for i := range m.Pins {
		c.Skip(2)
		c.U2(&m.Pins[i])
		c.Skip(2)
	}
}

// MonRF is the state of the inputs from generation 9 on.
type MonRF struct {
	Version uint8
	Blocks  []RFBlock
}

// RFBlock is one input in MonRF.
type RFBlock struct {
	BlockID             uint8
	Flags               uint8 // bits 0 and 1: jamming, as MonHW
	AntStatus, AntPower uint8 // as MonHW
	NoisePerMS, AgcCnt  uint16
	JamInd              uint8 // continuous wave, 0 to 255
}

// ID implements Message.
func (*MonRF) ID() ID { return IDMonRF }

func (m *MonRF) fields(c *wire.Codec) {
	n := uint8(min(len(m.Blocks), 255))
	c.U1(&m.Version)
	c.U1(&n)
	c.Skip(2)
	m.Blocks = sized(m.Blocks, int(n), c)
	for i := range m.Blocks {
		b := &m.Blocks[i]
		c.U1(&b.BlockID)
		c.U1(&b.Flags)
		c.U1(&b.AntStatus)
		c.U1(&b.AntPower)
		c.Skip(8)
		c.U2(&b.NoisePerMS)
		c.U2(&b.AgcCnt)
		c.U1(&b.JamInd)
		c.Skip(7)
	}
}

// SecSIG is what the receiver makes of jamming and spoofing: versions 1 (12 bytes) and 2.
type SecSIG struct {
	Version uint8
	Jam     uint8 // 0 not known or off, 1 none, 2 warning, 3 critical
	Spoof   uint8 // 0 not known or off, 1 none, 2 indicated, 3 affirmed
}

// ID implements Message.
func (*SecSIG) ID() ID { return IDSecSIG }

func (m *SecSIG) fields(c *wire.Codec) {
	c.U1(&m.Version)
	if m.Version >= 2 {
		flags := 1 | m.Jam<<1 | 1<<3 | m.Spoof<<4
		c.U1(&flags)
		c.Skip(2)
		m.Jam, m.Spoof = flags>>1&3*(flags&1), flags>>4&7*(flags>>3&1)
		return
	}
	jam, spoof := 1|m.Jam<<1, 1|m.Spoof<<1
	c.Skip(3)
	c.U1(&jam)
	c.Skip(3)
	c.U1(&spoof)
	c.Skip(3)
	m.Jam, m.Spoof = jam>>1&3*(jam&1), spoof>>1&7*(spoof&1)
}

// Acknowledgement is ACK-ACK, and ACK-NAK where Accepted is false.
type Acknowledgement struct {
	Accepted bool
	Of       ID // the message that is answered
}

// ID implements Message.
func (m *Acknowledgement) ID() ID {
	if m.Accepted {
		return IDAckACK
	}
	return IDAckNAK
}

func (m *Acknowledgement) fields(c *wire.Codec) {
	class, id := uint8(m.Of>>8), uint8(m.Of)
	c.U1(&class)
	c.U1(&id)
	m.Of = ID(class)<<8 | ID(id)
}
