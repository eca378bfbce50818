package ubx

import "timeball/gnss/wire"

// CfgMSG sets how often a message is sent on the port that the command comes by.
type CfgMSG struct {
	Of   ID
	Rate uint8 // once every so many solutions; 0 = never
}

// ID implements Message.
func (*CfgMSG) ID() ID { return IDCfgMSG }

func (m *CfgMSG) fields(c *wire.Codec) {
	class, id := uint8(m.Of>>8), uint8(m.Of)
	c.U1(&class)
	c.U1(&id)
	c.U1(&m.Rate)
	m.Of = ID(class)<<8 | ID(id)
}

// CfgRATE sets how often the receiver solves.
type CfgRATE struct {
	MeasRate uint16 // ms
	NavRate  uint16 // solutions: one every so many measurements
	TimeRef  uint16 // measurements are aligned to 0 UTC, 1 GPS, 2 GLONASS, 3 BeiDou, 4 Galileo
}

// ID implements Message.
func (*CfgRATE) ID() ID { return IDCfgRATE }

func (m *CfgRATE) fields(c *wire.Codec) {
	c.U2(&m.MeasRate)
	c.U2(&m.NavRate)
	c.U2(&m.TimeRef)
}

// CfgTP5 sets a time pulse, generations 6 to 8.
type CfgTP5 struct {
	TpIdx, Version                   uint8
	AntCableDelay, RfGroupDelay      int16  // ns
	FreqPeriod, FreqPeriodLock       uint32 // Hz or us
	PulseLenRatio, PulseLenRatioLock uint32 // us or 2^-32
	UserConfigDelay                  int32  // ns
	Flags                            uint32 // of the constants TP
}

// The bits of CfgTP5.Flags. The grid is in bits 7 to 10: 0 UTC, 1 GPS, 2 GLONASS, 3 BeiDou, 4 Galileo.
const (
	TPActive        = 1 << 0
	TPLockGNSS      = 1 << 1
	TPLockedOther   = 1 << 2 // FreqPeriodLock and PulseLenRatioLock are used with a fix
	TPIsFreq        = 1 << 3
	TPIsLength      = 1 << 4
	TPAlignToTow    = 1 << 5
	TPPolarityRises = 1 << 6
)

// ID implements Message.
func (*CfgTP5) ID() ID { return IDCfgTP5 }

func (m *CfgTP5) fields(c *wire.Codec) {
	c.U1(&m.TpIdx)
	c.U1(&m.Version)
	c.Skip(2)
	c.I2(&m.AntCableDelay)
	c.I2(&m.RfGroupDelay)
	c.U4(&m.FreqPeriod)
	c.U4(&m.FreqPeriodLock)
	c.U4(&m.PulseLenRatio)
	c.U4(&m.PulseLenRatioLock)
	c.I4(&m.UserConfigDelay)
	c.U4(&m.Flags)
}

// CfgTMODE2 sets the mode of a timing receiver, generations 6 to 8.
type CfgTMODE2 struct {
	TimeMode     uint8  // 0 off, 1 survey-in, 2 fixed
	Flags        uint16 // bit 0: the place is latitude, longitude, height
	X, Y, Z      int32  // cm, or 1e-7 degrees and cm
	FixedPosAcc  uint32 // mm
	SvinMinDur   uint32 // s
	SvinAccLimit uint32 // mm
}

// ID implements Message.
func (*CfgTMODE2) ID() ID { return IDCfgTMODE2 }

func (m *CfgTMODE2) fields(c *wire.Codec) {
	c.U1(&m.TimeMode)
	c.Skip(1)
	c.U2(&m.Flags)
	c.I4(&m.X)
	c.I4(&m.Y)
	c.I4(&m.Z)
	c.U4(&m.FixedPosAcc)
	c.U4(&m.SvinMinDur)
	c.U4(&m.SvinAccLimit)
}

// CfgNAV5 sets how the receiver navigates, generations 5 to 8. Only what Mask names is changed.
type CfgNAV5 struct {
	Mask        uint16 // of the constants NAV5
	DynModel    uint8  // 0 portable, 2 stationary
	FixMode     uint8  // 1 2D, 2 3D, 3 either
	MinElev     int8   // degrees
	UTCStandard uint8  // 0 automatic, 3 USNO, 6 SU, 7 NTSC
}

// The bits of CfgNAV5.Mask for what is in the struct.
const (
	NAV5DynModel    = 1 << 0
	NAV5MinElev     = 1 << 1
	NAV5FixMode     = 1 << 2
	NAV5UTCStandard = 1 << 10
)

// ID implements Message.
func (*CfgNAV5) ID() ID { return IDCfgNAV5 }

func (m *CfgNAV5) fields(c *wire.Codec) {
	c.U2(&m.Mask)
	c.U1(&m.DynModel)
	c.U1(&m.FixMode)
	c.Skip(8)
	c.I1(&m.MinElev)
	c.Skip(17)
	c.U1(&m.UTCStandard)
	c.Skip(5)
}

// CfgPRT sets a serial port, generations up to 8.
type CfgPRT struct {
	PortID       uint8  // 1 UART1, 3 USB
	TxReady      uint16 // 0 = not used
	Mode         uint32 // UART8N1
	BaudRate     uint32 // bit/s
	InProtoMask  uint16 // bits: UBX, NMEA
	OutProtoMask uint16
	Flags        uint16
}

// UART8N1 is CfgPRT.Mode for 8 bits, no parity, one stop bit.
const UART8N1 = 0x08D0

// The bits of the protocol masks of CfgPRT.
const (
	ProtoUBX  = 1 << 0
	ProtoNMEA = 1 << 1
)

// ID implements Message.
func (*CfgPRT) ID() ID { return IDCfgPRT }

func (m *CfgPRT) fields(c *wire.Codec) {
	c.U1(&m.PortID)
	c.Skip(1)
	c.U2(&m.TxReady)
	c.U4(&m.Mode)
	c.U4(&m.BaudRate)
	c.U2(&m.InProtoMask)
	c.U2(&m.OutProtoMask)
	c.U2(&m.Flags)
	c.Skip(2)
}

// CfgVALSET sets items of the configuration of generation 9 and later.
type CfgVALSET struct {
	Layers uint8 // of the constants Layer
	Items  []Item
}

// LayerRAM is the layer of CfgVALSET that is lost when the power goes.
const LayerRAM = 1 << 0

// Item is a key of the configuration and its value, of as many bytes as the key says.
type Item struct {
	Key   uint32
	Value uint64
}

// size returns the bytes of a value, 0 for a key that cannot be.
func (i Item) size() int {
	return [8]int{0, 1, 1, 2, 4, 8, 0, 0}[i.Key>>28&7]
}

// ID implements Message.
func (*CfgVALSET) ID() ID { return IDCfgVALSET }

// maxItems is how many items one message may have (interface description, "UBX-CFG-VALSET").
const maxItems = 64

func (m *CfgVALSET) fields(c *wire.Codec) {
	c.Skip(1)
	c.U1(&m.Layers)
	c.Skip(2)
	if c.Writing() {
		for i := range m.Items {
			m.Items[i].fields(c)
		}
		return
	}
	m.Items = nil
	for c.Left() > 0 && !c.Short() && len(m.Items) < maxItems {
		var i Item
		i.fields(c)
		m.Items = append(m.Items, i)
	}
}

func (i *Item) fields(c *wire.Codec) {
	c.U4(&i.Key)
	var v [8]byte
	for n := range v {
		v[n] = uint8(i.Value >> (8 * n))
	}
	n := i.size()
	if n == 0 {
		c.Skip(c.Left() + 1) // not to be understood any further: short
		return
	}
	c.Raw(v[:n])
	i.Value = 0
	for n := range v[:n] {
		i.Value |= uint64(v[n]) << (8 * n)
	}
}

// Keys of the configuration that set-up uses (interface description of F9 timing, "configuration reference"). Message
// rates are for UART1.
const (
	KeyRateMeas          = 0x30210001 // ms
	KeyRateNav           = 0x30210002
	KeyDynModel          = 0x20110021 // 2 stationary
	KeyUART1Baud         = 0x40520001
	KeyUART1OutUBX       = 0x10740001
	KeyUART1OutNMEA      = 0x10740002
	KeyTModeMode         = 0x20030001 // 0 off, 1 survey-in, 2 fixed
	KeyTModeSvinMinDur   = 0x40030010 // s
	KeyTModeSvinAccLimit = 0x40030011 // 0.1 mm
	KeyTPAntCableDelay   = 0x30050001 // ns
	KeyTPPeriod          = 0x40050002 // us
	KeyTPPeriodLock      = 0x40050003
	KeyTPLen             = 0x40050004 // us
	KeyTPLenLock         = 0x40050005
	KeyTPEnable          = 0x10050007
	KeyTPSyncGNSS        = 0x10050008
	KeyTPUseLocked       = 0x10050009
	KeyTPAlignToTow      = 0x1005000A
	KeyTPPolarity        = 0x1005000B
	KeyTPTimeGrid        = 0x2005000C // 0 UTC, 1 GPS
	KeyMsgNavPVT         = 0x20910007
	KeyMsgNavSAT         = 0x20910016
	KeyMsgNavTIMEUTC     = 0x2091005C
	KeyMsgNavTIMELS      = 0x20910061
	KeyMsgTimTP          = 0x2091017E
	KeyMsgTimSVIN        = 0x20910098
	KeyMsgMonRF          = 0x2091035A
	KeyMsgSecSIG         = 0x20910635
)
