package casic

import "timeball/gnss/wire"

// Solution is what Nav2SOL and Nav2PVH begin with.
type Solution struct {
	TOW                uint32 // ms, GPS
	Week               uint16 // GPS
	FixFlags, VelFlags uint8  // as NavPV.PosValid, and 8 differential, 9, 10 RTK, 15 the place is fixed
	GNSSMask           uint8
	NumFix             uint8    // used
	NumFixOf           [7]uint8 // GPS, BeiDou, GLONASS, Galileo, QZSS, SBAS, NavIC
}

func (m *Solution) fields(c *wire.Codec) {
	c.U4(&m.TOW)
	c.U2(&m.Week)
	c.Skip(2)
	c.U1(&m.FixFlags)
	c.U1(&m.VelFlags)
	c.Skip(1)
	c.U1(&m.GNSSMask)
	c.U1(&m.NumFix)
	c.Raw(m.NumFixOf[:])
	c.Skip(4)
}

// Nav2SOL is the solution in ECEF, second generation. Accuracies are standard deviations.
type Nav2SOL struct {
	Solution
	X, Y, Z                      float64 // m
	PAcc, VX, VY, VZ, SAcc, PDop float32
}

// ID implements Message.
func (*Nav2SOL) ID() ID { return IDNav2SOL }

func (m *Nav2SOL) fields(c *wire.Codec) {
	m.Solution.fields(c)
	c.R8(&m.X)
	c.R8(&m.Y)
	c.R8(&m.Z)
	for _, v := range []*float32{&m.PAcc, &m.VX, &m.VY, &m.VZ, &m.SAcc, &m.PDop} {
		c.R4(v)
	}
}

// Nav2PVH is place and velocity, second generation.
type Nav2PVH struct {
	Solution
	Lon, Lat                  float64 // degrees
	Height                    float32 // m above the ellipsoid
	SepGeoid                  float32 // m
	VelE, VelN, VelU          float32 // m/s
	Speed3D, Speed2D, Heading float32
	HAcc, VAcc, SAcc, CAcc    float32
}

// ID implements Message.
func (*Nav2PVH) ID() ID { return IDNav2PVH }

func (m *Nav2PVH) fields(c *wire.Codec) {
	m.Solution.fields(c)
	c.R8(&m.Lon)
	c.R8(&m.Lat)
	for _, v := range []*float32{
		&m.Height, &m.SepGeoid, &m.VelE, &m.VelN, &m.VelU,
		&m.Speed3D, &m.Speed2D, &m.Heading, &m.HAcc, &m.VAcc, &m.SAcc, &m.CAcc,
	} {
		c.R4(v)
	}
}

// Nav2SAT is the view of the sky, second generation.
type Nav2SAT struct {
	TOW       uint32 // ms
	NumFixTot uint8
	Sats      []Sat2
}

// Sat2 is a satellite in Nav2SAT.
type Sat2 struct {
	Chn, SVID uint8
	GNSSID    uint8 // 0 GPS, 1 BeiDou, 2 GLONASS, 3 Galileo, 4 QZSS, 5 SBAS, 6 NavIC
	Flags     uint8 // bit 0: used
	Quality   uint8
	CNO       uint8 // dB-Hz
	SigID     uint8
	Elev      int8  // degrees
	Azim      int16 // degrees
	PrRes     int16 // 0.1 m
}

// ID implements Message.
func (*Nav2SAT) ID() ID { return IDNav2SAT }

func (m *Nav2SAT) fields(c *wire.Codec) {
	n := uint8(min(len(m.Sats), 255))
	c.U4(&m.TOW)
	c.U1(&n)
	c.U1(&m.NumFixTot)
	c.Skip(6)
	m.Sats = sized(m.Sats, int(n), c)
	for i := range m.Sats {
		s := &m.Sats[i]
		c.U1(&s.Chn)
		c.U1(&s.SVID)
		c.U1(&s.GNSSID)
		c.U1(&s.Flags)
		c.U1(&s.Quality)
		c.U1(&s.CNO)
		c.U1(&s.SigID)
		c.I1(&s.Elev)
		c.I2(&s.Azim)
		c.I2(&s.PrRes)
	}
}

// Nav2TIMEUTC is the time of a solution, second generation.
type Nav2TIMEUTC struct {
	TAcc                       float32 // ns
	SubMs                      int32   // 2^-30 ms
	SubCs                      int8    // ms, -5 to 5
	Cs                         uint8   // hundredths of a second; SubCs and SubMs are to be added
	Year                       uint16
	Month, Day, Hour, Min, Sec uint8
	Flags                      uint8 // bits TimeTOW to TimeSure
	TimeSrc                    uint8 // 0 GPS, 1 BeiDou, 2 GLONASS, 3 Galileo, 4 NavIC
	LeapSec                    int8  // s, GPS - UTC
}

// ID implements Message.
func (*Nav2TIMEUTC) ID() ID { return IDNav2TIMEUTC }

func (m *Nav2TIMEUTC) fields(c *wire.Codec) {
	c.R4(&m.TAcc)
	c.I4(&m.SubMs)
	c.I1(&m.SubCs)
	c.U1(&m.Cs)
	c.U2(&m.Year)
	c.U1(&m.Month)
	c.U1(&m.Day)
	c.U1(&m.Hour)
	c.U1(&m.Min)
	c.U1(&m.Sec)
	c.U1(&m.Flags)
	c.U1(&m.TimeSrc)
	c.I1(&m.LeapSec)
}

// Tim2TPX describes the pulse before it, second generation.
type Tim2TPX struct {
	TOW     uint32 // ms, of the source
	SubMs   int32  // 2^-30 ms
	Week    uint16 // of the source
	Flags   uint8  // bits TimeTOW to TimeSure, and 6: the pulse is valid
	Base    uint8  // 0 the source, 1 UTC
	TimeSrc uint8  // as Nav2TIMEUTC
	LeapSec int8   // s, source - UTC
	QuanErr int8   // 0.1 ns, positive: the pulse is early
	TAcc    int16  // 0.1 ns
	DtUTC   int16  // 0.1 ns
}

// TPXPulse is the bit of Tim2TPX.Flags that says that the pulse is valid.
const TPXPulse = 1 << 6

// ID implements Message.
func (*Tim2TPX) ID() ID { return IDTim2TPX }

func (m *Tim2TPX) fields(c *wire.Codec) {
	c.U4(&m.TOW)
	c.I4(&m.SubMs)
	c.U2(&m.Week)
	c.U1(&m.Flags)
	c.U1(&m.Base)
	c.U1(&m.TimeSrc)
	c.Skip(5)
	c.I1(&m.LeapSec)
	c.I1(&m.QuanErr)
	c.I2(&m.TAcc)
	c.I2(&m.DtUTC)
}

// Tim2TIME is the time of one system: TIM2-TIMEGPS, TIM2-TIMEBDS or TIM2-TIMEGAL.
type Tim2TIME struct {
	Of              ID
	TOW             uint32 // ms
	SubMs           int32  // 2^-30 ms
	Week            uint16
	TOWFlag, WNFlag uint8
	Total           uint32  // s
	TAcc, DtUTC     float32 // ns
	DtLSF           int32   // s until the leap second
	LS, LSF         int8    // s, system - UTC before and after
	Flags           uint8   // bits TimeTOW to TimeSure
	TimeSrc         uint8
	UTCFlag         uint8
	LSFlag          uint8  // 0 not known, 1 no event, 2 an event, 3 an event that cannot be
	LSYear          uint16 // year * 2, + 1 for the end of December instead of June
}

// ID implements Message.
func (m *Tim2TIME) ID() ID { return m.Of }

func (m *Tim2TIME) fields(c *wire.Codec) {
	c.U4(&m.TOW)
	c.I4(&m.SubMs)
	c.U2(&m.Week)
	c.U1(&m.TOWFlag)
	c.U1(&m.WNFlag)
	c.U4(&m.Total)
	c.R4(&m.TAcc)
	c.R4(&m.DtUTC)
	c.I4(&m.DtLSF)
	c.I1(&m.LS)
	c.I1(&m.LSF)
	c.U1(&m.Flags)
	c.U1(&m.TimeSrc)
	c.U1(&m.UTCFlag)
	c.U1(&m.LSFlag)
	c.U2(&m.LSYear)
}

// Tim2TIMEPOS is the place of the timing engine and its survey, second generation.
type Tim2TIMEPOS struct {
	X, Y, Z          float64 // m, ECEF
	FixX, FixY, FixZ float64 // m, of the solution of the moment
	SurTimer         uint32  // s
	SurPAcc          float32 // m
	FixFlag          uint8   // 15 = the place is fixed
	FixMode          uint8
	ResidualRMS      uint16 // m
	Bias             uint16 // m
	PDop             uint8  // 0.1
}

// ID implements Message.
func (*Tim2TIMEPOS) ID() ID { return IDTim2TIMEPOS }

func (m *Tim2TIMEPOS) fields(c *wire.Codec) {
	for _, v := range []*float64{&m.X, &m.Y, &m.Z, &m.FixX, &m.FixY, &m.FixZ} {
		c.R8(v)
	}
	c.U4(&m.SurTimer)
	c.R4(&m.SurPAcc)
	c.U1(&m.FixFlag)
	c.U1(&m.FixMode)
	c.U2(&m.ResidualRMS)
	c.U2(&m.Bias)
	c.U1(&m.PDop)
	c.Skip(1)
}

// Tim2LS is the leap seconds as one satellite sends them, checked by the receiver.
type Tim2LS struct {
	Suspects            uint64 // bits of the satellites that say otherwise
	GNSSID, SigID, SVID uint8
	RaimType            uint8 // 1 no leap seconds known, 2 known and normal, 3 not normal
	WnLSF, DN           uint8 // as MsgUTC
	DtLS, DtLSF         int8  // s, system - UTC before and after
}

// ID implements Message.
func (*Tim2LS) ID() ID { return IDTim2LS }

func (m *Tim2LS) fields(c *wire.Codec) {
	c.U8(&m.Suspects)
	c.U1(&m.GNSSID)
	c.U1(&m.SigID)
	c.U1(&m.SVID)
	c.U1(&m.RaimType)
	c.U1(&m.WnLSF)
	c.U1(&m.DN)
	c.I1(&m.DtLS)
	c.I1(&m.DtLSF)
}

// MonSEC is what the receiver makes of jamming and spoofing, second generation.
type MonSEC struct{ SecFlags, SpoofFlags, JamDetect, JamLevel uint8 } // levels 0 to 3

// ID implements Message.
func (*MonSEC) ID() ID { return IDMonSEC }

func (m *MonSEC) fields(c *wire.Codec) {
	c.U1(&m.SecFlags)
	c.U1(&m.SpoofFlags)
	c.U1(&m.JamDetect)
	c.U1(&m.JamLevel)
}
