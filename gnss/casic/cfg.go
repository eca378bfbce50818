package casic

import "timeball/gnss/wire"

// CfgMSG sets how often a message is sent.
type CfgMSG struct {
	Of   ID
	Rate uint16 // once every so many solutions; 0 = never, Once = now
}

// Once is a CfgMSG.Rate: the message is sent at once and not regularly.
const Once = 0xFFFF

// ID implements Message.
func (*CfgMSG) ID() ID { return IDCfgMSG }

func (m *CfgMSG) fields(c *wire.Codec) {
	class, id := uint8(m.Of>>8), uint8(m.Of)
	c.U1(&class)
	c.U1(&id)
	c.U2(&m.Rate)
	m.Of = ID(class)<<8 | ID(id)
}

// CfgPRT sets a serial port.
type CfgPRT struct {
	PortID    uint8  // CurrentPort or its number
	ProtoMask uint8  // of the constants Proto
	Mode      uint16 // UART8N1
	BaudRate  uint32 // bit/s
}

// CurrentPort is the CfgPRT.PortID of the port that the command comes by; UART8N1 is 8 bits, no parity, one stop bit.
const (
	CurrentPort = 0xFF
	UART8N1     = 3<<6 | 4<<9
)

// The bits of CfgPRT.ProtoMask.
const (
	ProtoInBinary  = 1 << 0
	ProtoInText    = 1 << 1
	ProtoOutBinary = 1 << 4
	ProtoOutText   = 1 << 5
)

// ID implements Message.
func (*CfgPRT) ID() ID { return IDCfgPRT }

func (m *CfgPRT) fields(c *wire.Codec) {
	c.U1(&m.PortID)
	c.U1(&m.ProtoMask)
	c.U2(&m.Mode)
	c.U4(&m.BaudRate)
}

// CfgRATE sets how often the receiver solves.
type CfgRATE struct{ Interval uint16 } // ms: 1000, 500, 200

// ID implements Message.
func (*CfgRATE) ID() ID { return IDCfgRATE }

func (m *CfgRATE) fields(c *wire.Codec) {
	c.U2(&m.Interval)
	c.Skip(2)
}

// CfgTP sets the pulse. What Enable and TimeRef mean is not the same in both generations.
type CfgTP struct {
	Interval, Width uint32  // us
	Enable          uint8   // first: 0 off, 1 on, 2 kept up without a fix, 3 only with a fix; second: 3 with place and time, 5 reliable
	Polarity        uint8   // 0 rising edge
	TimeRef         uint8   // first: 0 UTC, 1 system; second: 0 system, 1 UTC
	TimeSource      uint8   // first: 0 GPS, 1 BeiDou, 5 GPS preferred, 4 BeiDou preferred; second: 9 automatic
	UserDelay       float32 // s
}

// ID implements Message.
func (*CfgTP) ID() ID { return IDCfgTP }

func (m *CfgTP) fields(c *wire.Codec) {
	c.U4(&m.Interval)
	c.U4(&m.Width)
	c.U1(&m.Enable)
	c.U1(&m.Polarity)
	c.U1(&m.TimeRef)
	c.U1(&m.TimeSource)
	c.R4(&m.UserDelay)
}

// CfgTMODE sets the timing mode, first generation. Receivers return something else in the upper half of the mode.
type CfgTMODE struct {
	Mode         uint16  // 0 off, 1 survey-in, 2 fixed
	X, Y, Z      float64 // m, ECEF
	PosVar       float32 // m^2
	SvinMinDur   uint32  // s
	SvinVarLimit float32 // m^2
}

// ID implements Message.
func (*CfgTMODE) ID() ID { return IDCfgTMODE }

func (m *CfgTMODE) fields(c *wire.Codec) {
	c.U2(&m.Mode)
	c.Skip(2)
	c.R8(&m.X)
	c.R8(&m.Y)
	c.R8(&m.Z)
	c.R4(&m.PosVar)
	c.U4(&m.SvinMinDur)
	c.R4(&m.SvinVarLimit)
}

// CfgTMODE2 sets the timing mode, second generation.
type CfgTMODE2 struct {
	Mode         uint8 // 0 off, 1 survey-in, 2 fixed
	Band         uint8 // 4 = all
	AntDetect    uint8
	Source       uint8
	X, Y, Z      int32  // cm, ECEF
	FixedPosAcc  uint32 // mm
	SvinMinDur   uint32 // s
	SvinAccLimit uint32 // mm
}

// ID implements Message.
func (*CfgTMODE2) ID() ID { return IDCfgTMODE2 }

func (m *CfgTMODE2) fields(c *wire.Codec) {
	c.U1(&m.Mode)
	c.U1(&m.Band)
	c.U1(&m.AntDetect)
	c.U1(&m.Source)
	c.I4(&m.X)
	c.I4(&m.Y)
	c.I4(&m.Z)
	c.U4(&m.FixedPosAcc)
	c.U4(&m.SvinMinDur)
	c.U4(&m.SvinAccLimit)
}
