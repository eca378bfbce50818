package casic

import "timeball/gnss/wire"

// NavPV is place and velocity, first generation. Accuracies are variances.
type NavPV struct {
	RunTime                             uint32 // ms since start
	PosValid                            uint8  // as Fix3D and its neighbours
	VelValid                            uint8
	System                              uint8 // bits: GPS, BeiDou, GLONASS are used
	NumSV, NumSVGPS, NumSVBDS, NumSVGLN uint8 // used
	PDop                                float32
	Lon, Lat                            float64 // degrees
	Height                              float32 // m above the ellipsoid
	SepGeoid                            float32 // m, ellipsoid above mean sea level
	HAcc, VAcc                          float32 // m^2
	VelN, VelE, VelU                    float32 // m/s
	Speed3D, Speed2D, Heading           float32
	SAcc, CAcc                          float32
}

// The validity of a position, in both generations from 2D on.
const (
	FixQuick = 5
	Fix2D    = 6
	Fix3D    = 7
)

// ID implements Message.
func (*NavPV) ID() ID { return IDNavPV }

func (m *NavPV) fields(c *wire.Codec) {
	c.U4(&m.RunTime)
	c.U1(&m.PosValid)
	c.U1(&m.VelValid)
	c.U1(&m.System)
	c.U1(&m.NumSV)
	c.U1(&m.NumSVGPS)
	c.U1(&m.NumSVBDS)
	c.U1(&m.NumSVGLN)
	c.Skip(1)
	c.R4(&m.PDop)
	c.R8(&m.Lon)
	c.R8(&m.Lat)
	for _, v := range []*float32{
		&m.Height, &m.SepGeoid, &m.HAcc, &m.VAcc, &m.VelN, &m.VelE, &m.VelU,
		&m.Speed3D, &m.Speed2D, &m.Heading, &m.SAcc, &m.CAcc,
	} {
		c.R4(v)
	}
}

// NavSOL is the solution, first generation.
type NavSOL struct {
	RunTime                             uint32 // ms
	PosValid, VelValid                  uint8
	TimeSrc                             uint8 // 0 GPS, 1 BeiDou, 2 GLONASS
	System                              uint8
	NumSV, NumSVGPS, NumSVBDS, NumSVGLN uint8
	Week                                uint16  // of the source
	TOW                                 float64 // s
	X, Y, Z                             float64 // m, ECEF
	PAcc                                float32
	VX, VY, VZ                          float32
	SAcc, PDop                          float32
}

// ID implements Message.
func (*NavSOL) ID() ID { return IDNavSOL }

func (m *NavSOL) fields(c *wire.Codec) {
	c.U4(&m.RunTime)
	c.U1(&m.PosValid)
	c.U1(&m.VelValid)
	c.U1(&m.TimeSrc)
	c.U1(&m.System)
	c.U1(&m.NumSV)
	c.U1(&m.NumSVGPS)
	c.U1(&m.NumSVBDS)
	c.U1(&m.NumSVGLN)
	c.Skip(2)
	c.U2(&m.Week)
	c.R8(&m.TOW)
	c.R8(&m.X)
	c.R8(&m.Y)
	c.R8(&m.Z)
	for _, v := range []*float32{&m.PAcc, &m.VX, &m.VY, &m.VZ, &m.SAcc, &m.PDop} {
		c.R4(v)
	}
}

// NavTIMEUTC is the time of a solution, first generation.
type NavTIMEUTC struct {
	RunTime                    uint32  // ms
	TAcc                       float32 // (m/c)^2 by some texts, s^2 by others: not used
	MsErr                      float32 // ms to add to Ms, below the millisecond
	Ms                         uint16
	Year                       uint16
	Month, Day, Hour, Min, Sec uint8
	Valid                      uint8 // bits: time of week, week, leap seconds
	TimeSrc                    uint8 // 0 GPS, 1 BeiDou, 2 GLONASS
	DateValid                  uint8 // 0 no, 1 given from outside, 2 of one satellite, 3 of several
}

// The bits of NavTIMEUTC.Valid, of Nav2TIMEUTC.Flags and of the flags of the messages TIM2.
const (
	TimeTOW  = 1 << 0
	TimeWeek = 1 << 1
	TimeLeap = 1 << 2
	TimeSure = 1 << 3 // second generation: time of week and week are reliable
)

// ID implements Message.
func (*NavTIMEUTC) ID() ID { return IDNavTIMEUTC }

func (m *NavTIMEUTC) fields(c *wire.Codec) {
	c.U4(&m.RunTime)
	c.R4(&m.TAcc)
	c.R4(&m.MsErr)
	c.U2(&m.Ms)
	c.U2(&m.Year)
	c.U1(&m.Month)
	c.U1(&m.Day)
	c.U1(&m.Hour)
	c.U1(&m.Min)
	c.U1(&m.Sec)
	c.U1(&m.Valid)
	c.U1(&m.TimeSrc)
	c.U1(&m.DateValid)
}

// NavCLOCK is the receiver's clock, first generation, with the time of the systems.
type NavCLOCK struct {
	RunTime              uint32 // ms
	FreqBias, TAcc, FAcc float32
	Systems              [3]SystemClock // GPS, BeiDou, GLONASS
}

// SystemClock is the time of one system in NavCLOCK.
type SystemClock struct {
	TOW   float64 // ms
	DtUTC float32 // s, the part of a second of system - UTC
	Week  uint16
	Leaps int8  // s, system - UTC
	Valid uint8 // as NavTIMEUTC
}

// ID implements Message.
func (*NavCLOCK) ID() ID { return IDNavCLOCK }

func (m *NavCLOCK) fields(c *wire.Codec) {
	c.U4(&m.RunTime)
	c.R4(&m.FreqBias)
	c.R4(&m.TAcc)
	c.R4(&m.FAcc)
	for i := range m.Systems {
		s := &m.Systems[i]
		c.R8(&s.TOW)
		c.R4(&s.DtUTC)
		c.U2(&s.Week)
		c.I1(&s.Leaps)
		c.U1(&s.Valid)
	}
}

// NavINFO is the view of one system, first generation: NAV-GPSINFO, NAV-BDSINFO or NAV-GLNINFO.
type NavINFO struct {
	Of       ID     // IDNavGPSINFO, IDNavBDSINFO or IDNavGLNINFO
	RunTime  uint32 // ms
	NumFixSv uint8
	System   uint8 // 0 GPS, which includes QZSS, 1 BeiDou, 2 GLONASS
	Sats     []Sat
}

// Sat is a satellite in NavINFO.
type Sat struct {
	Chn     uint8 // 255 = not tracked
	SVID    uint8
	Flags   uint8 // bit 0: used
	Quality uint8
	CNO     uint8 // dB-Hz
	Elev    int8  // degrees
	Azim    int16
	PrRes   float32 // m
}

// ID implements Message.
func (m *NavINFO) ID() ID { return m.Of }

func (m *NavINFO) fields(c *wire.Codec) {
	n := uint8(min(len(m.Sats), 255))
	c.U4(&m.RunTime)
	c.U1(&n)
	c.U1(&m.NumFixSv)
	c.U1(&m.System)
	c.Skip(1)
	m.Sats = sized(m.Sats, int(n), c)
	for i := range m.Sats {
		s := &m.Sats[i]
		c.U1(&s.Chn)
		c.U1(&s.SVID)
		c.U1(&s.Flags)
		c.U1(&s.Quality)
		c.U1(&s.CNO)
		c.I1(&s.Elev)
		c.I2(&s.Azim)
		c.R4(&s.PrRes)
	}
}

// sized returns items with length n: as they are when writing, to be read into otherwise.
func sized[T any](items []T, n int, c *wire.Codec) []T {
	if c.Writing() {
		return items[:n]
	}
	if cap(items) < n {
		return make([]T, n)
	}
	return items[:n]
}

// TimTP describes the pulse that follows it, first generation.
type TimTP struct {
	RunTime  uint32  // ms
	QErr     float32 // s
	TOW      float64 // s
	Week     uint16
	RefTime  uint8 // bits 0 to 3: 0 GPS, 1 BeiDou, 2 GLONASS; from bit 4: 0 UTC, 1 the system
	UTCValid uint8 // 0 no, 2 expired, 3 valid
}

// ID implements Message.
func (*TimTP) ID() ID { return IDTimTP }

func (m *TimTP) fields(c *wire.Codec) {
	c.U4(&m.RunTime)
	c.R4(&m.QErr)
	c.R8(&m.TOW)
	c.U2(&m.Week)
	c.U1(&m.RefTime)
	c.U1(&m.UTCValid)
	c.Skip(4)
}

// MsgUTC is the leap seconds as a system sends them: MSG-GPSUTC or MSG-BDSUTC.
type MsgUTC struct {
	Of          ID    // IDMsgGPSUTC or IDMsgBDSUTC
	A0, A1      int32 // 2^-30 s and 2^-50 s/s
	DtLS, DtLSF int8  // s, system - UTC before and after
	WnLSF, DN   uint8 // week modulo 256, and day: GPS 1 to 7, BeiDou 0 to 6
	Valid       uint8 // 3 = valid
}

// ID implements Message.
func (m *MsgUTC) ID() ID { return m.Of }

func (m *MsgUTC) fields(c *wire.Codec) {
	c.Skip(4)
	c.I4(&m.A0)
	c.I4(&m.A1)
	c.I1(&m.DtLS)
	c.I1(&m.DtLSF)
	c.Skip(2)
	c.U1(&m.WnLSF)
	c.U1(&m.DN)
	c.U1(&m.Valid)
	c.Skip(1)
}

// MonVER is the version of the receiver. Some receivers of the first generation answer with ACK-NAK.
type MonVER struct{ SwVersion, HwVersion string } // at most 32 bytes each

// ID implements Message.
func (*MonVER) ID() ID { return IDMonVER }

func (m *MonVER) fields(c *wire.Codec) {
	c.Text(&m.SwVersion, 32)
	c.Text(&m.HwVersion, 32)
}

// MonHW is the state of the hardware.
type MonHW struct {
	Noise     [3]uint32
	AGC       [3]uint16
	AntStatus uint8 // 0 initialising, 1 not known, 2 OK, 3 short, 4 open
	Jammers   [8]uint32
}

// ID implements Message.
func (*MonHW) ID() ID { return IDMonHW }

func (m *MonHW) fields(c *wire.Codec) {
	for i := range m.Noise {
		c.U4(&m.Noise[i])
	}
	for i := range m.AGC {
		c.U2(&m.AGC[i])
	}
	c.Skip(2)
	c.U1(&m.AntStatus)
	c.Skip(3)
	for i := range m.Jammers {
		c.U4(&m.Jammers[i])
	}
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
	c.Skip(2)
	m.Of = ID(class)<<8 | ID(id)
}
