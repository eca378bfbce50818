package ubx

import "timeball/gnss/wire"

// NavPVT is position, velocity and time of a solution. Generation 7 sends 84 bytes, later ones 92 and more.
type NavPVT struct {
	ITOW                       uint32 // ms, GPS time of week, rounded; not for timing
	Year                       uint16
	Month, Day, Hour, Min, Sec uint8 // UTC, rounded to hundredths of a second
	Valid                      uint8 // bits: date, time, fully resolved, magnetic
	TAcc                       uint32
	Nano                       int32 // ns to add to Sec, negative where it was rounded up
	FixType                    uint8 // 0 none, 1 dead reckoning, 2 2D, 3 3D, 4 with dead reckoning, 5 time only
	Flags                      uint8 // bit 0: fix within the limits
	Flags2                     uint8 // bits 5 to 7: confirmed availability, date, time
	NumSV                      uint8
	Lon, Lat                   int32 // 1e-7 degrees
	Height, HMSL               int32 // mm above the ellipsoid and above mean sea level
	HAcc, VAcc                 uint32
	VelN, VelE, VelD           int32 // mm/s
	GSpeed, HeadMot            int32
	SAcc, HeadAcc              uint32
	PDOP                       uint16 // 0.01
	Flags3                     uint16
	HeadVeh                    int32 // generation 8 and later
	MagDec                     int16
	MagAcc                     uint16
}

// The bits of NavPVT.Valid.
const (
	PVTDate     = 1 << 0
	PVTTime     = 1 << 1
	PVTResolved = 1 << 2 // no uncertainty of seconds: the leap second count is known
)

// FixOK is bit 0 of the flags of NavPVT, NavSTATUS and NavSOL: the fix is within the receiver's limits.
const FixOK = 1 << 0

// ID implements Message.
func (*NavPVT) ID() ID { return IDNavPVT }

func (m *NavPVT) fields(c *wire.Codec) {
	c.U4(&m.ITOW)
	c.U2(&m.Year)
	c.U1(&m.Month)
	c.U1(&m.Day)
	c.U1(&m.Hour)
	c.U1(&m.Min)
	c.U1(&m.Sec)
	c.U1(&m.Valid)
	c.U4(&m.TAcc)
	c.I4(&m.Nano)
	c.U1(&m.FixType)
	c.U1(&m.Flags)
	c.U1(&m.Flags2)
	c.U1(&m.NumSV)
	m.place(c)
	c.U2(&m.PDOP)
	c.U2(&m.Flags3)
	c.Skip(4)
	if !c.Writing() && c.Left() < 8 { // generation 7
		return
	}
	c.I4(&m.HeadVeh)
	c.I2(&m.MagDec)
	c.U2(&m.MagAcc)
}

// place is the middle of the message: where and how fast.
func (m *NavPVT) place(c *wire.Codec) {
	c.I4(&m.Lon)
	c.I4(&m.Lat)
	c.I4(&m.Height)
	c.I4(&m.HMSL)
	c.U4(&m.HAcc)
	c.U4(&m.VAcc)
	c.I4(&m.VelN)
	c.I4(&m.VelE)
	c.I4(&m.VelD)
	c.I4(&m.GSpeed)
	c.I4(&m.HeadMot)
	c.U4(&m.SAcc)
	c.U4(&m.HeadAcc)
}

// NavPOSLLH is the place of a solution; whether there is one says NavSTATUS.
type NavPOSLLH struct {
	ITOW         uint32 // ms
	Lon, Lat     int32  // 1e-7 degrees
	Height, HMSL int32  // mm
	HAcc, VAcc   uint32 // mm
}

// ID implements Message.
func (*NavPOSLLH) ID() ID { return IDNavPOSLLH }

func (m *NavPOSLLH) fields(c *wire.Codec) {
	c.U4(&m.ITOW)
	c.I4(&m.Lon)
	c.I4(&m.Lat)
	c.I4(&m.Height)
	c.I4(&m.HMSL)
	c.U4(&m.HAcc)
	c.U4(&m.VAcc)
}

// NavSTATUS is the state of the fix.
type NavSTATUS struct {
	ITOW    uint32 // ms
	GPSFix  uint8  // as NavPVT.FixType
	Flags   uint8  // bits: fix within limits, differential, week valid, time of week valid
	FixStat uint8
	Flags2  uint8  // bits 3 and 4: spoofing, 0 unknown, 1 none, 2 indicated, 3 by several tests
	TTFF    uint32 // ms from start to the first fix
	MSSS    uint32 // ms since start
}

// ID implements Message.
func (*NavSTATUS) ID() ID { return IDNavSTATUS }

func (m *NavSTATUS) fields(c *wire.Codec) {
	c.U4(&m.ITOW)
	c.U1(&m.GPSFix)
	c.U1(&m.Flags)
	c.U1(&m.FixStat)
	c.U1(&m.Flags2)
	c.U4(&m.TTFF)
	c.U4(&m.MSSS)
}

// NavSOL is the solution as generations up to 8 send it.
type NavSOL struct {
	ITOW       uint32 // ms
	FTOW       int32  // ns to add to ITOW
	Week       int16  // GPS week, without rollover as far as the receiver knows
	GPSFix     uint8
	Flags      uint8 // as NavSTATUS
	X, Y, Z    int32 // cm, ECEF
	PAcc       uint32
	VX, VY, VZ int32 // cm/s
	SAcc       uint32
	PDOP       uint16
	NumSV      uint8
}

// The bits of the flags of NavSOL and NavSTATUS besides FixOK.
const (
	WeekSet = 1 << 2
	TOWSet  = 1 << 3
)

// ID implements Message.
func (*NavSOL) ID() ID { return IDNavSOL }

func (m *NavSOL) fields(c *wire.Codec) {
	c.U4(&m.ITOW)
	c.I4(&m.FTOW)
	c.I2(&m.Week)
	c.U1(&m.GPSFix)
	c.U1(&m.Flags)
	c.I4(&m.X)
	c.I4(&m.Y)
	c.I4(&m.Z)
	c.U4(&m.PAcc)
	c.I4(&m.VX)
	c.I4(&m.VY)
	c.I4(&m.VZ)
	c.U4(&m.SAcc)
	c.U2(&m.PDOP)
	c.Skip(1)
	c.U1(&m.NumSV)
	c.Skip(4)
}

// NavTIMEUTC is the time of a solution in UTC.
type NavTIMEUTC struct {
	ITOW                       uint32 // ms
	TAcc                       uint32 // ns
	Nano                       int32  // ns to add to Sec
	Year                       uint16
	Month, Day, Hour, Min, Sec uint8
	Valid                      uint8 // bits: time of week, week, UTC; from bit 4 the realisation of UTC
}

// The bits of NavTIMEUTC.Valid.
const (
	UTCTOW   = 1 << 0
	UTCWeek  = 1 << 1
	UTCKnown = 1 << 2 // the leap second count is known
)

// ID implements Message.
func (*NavTIMEUTC) ID() ID { return IDNavTIMEUTC }

func (m *NavTIMEUTC) fields(c *wire.Codec) {
	c.U4(&m.ITOW)
	c.U4(&m.TAcc)
	c.I4(&m.Nano)
	c.U2(&m.Year)
	c.U1(&m.Month)
	c.U1(&m.Day)
	c.U1(&m.Hour)
	c.U1(&m.Min)
	c.U1(&m.Sec)
	c.U1(&m.Valid)
}

// The bits of the validity of NavTIMEGPS, NavTIMEBDS and NavTIMEGAL.
const (
	TimeTOW  = 1 << 0
	TimeWeek = 1 << 1
	TimeLeap = 1 << 2
)

// NavTIMEGPS is the time of a solution in GPS time.
type NavTIMEGPS struct {
	ITOW  uint32 // ms
	FTOW  int32  // ns to add to ITOW
	Week  int16
	LeapS int8  // GPS - UTC, seconds
	Valid uint8 // bits: time of week, week, leap seconds
	TAcc  uint32
}

// ID implements Message.
func (*NavTIMEGPS) ID() ID { return IDNavTIMEGPS }

func (m *NavTIMEGPS) fields(c *wire.Codec) {
	c.U4(&m.ITOW)
	c.I4(&m.FTOW)
	c.I2(&m.Week)
	c.I1(&m.LeapS)
	c.U1(&m.Valid)
	c.U4(&m.TAcc)
}

// systemTime is the time of a solution in the time of another system.
type systemTime struct {
	ITOW  uint32 // ms, GPS
	TOW   uint32 // s, of the system
	FTOW  int32  // ns to add to TOW
	Week  int16  // of the system
	LeapS int8   // system - UTC, seconds
	Valid uint8  // as NavTIMEGPS
	TAcc  uint32 // ns
}

func (m *systemTime) fields(c *wire.Codec) {
	c.U4(&m.ITOW)
	c.U4(&m.TOW)
	c.I4(&m.FTOW)
	c.I2(&m.Week)
	c.I1(&m.LeapS)
	c.U1(&m.Valid)
	c.U4(&m.TAcc)
}

// NavTIMEBDS is the time of a solution in BeiDou time.
type NavTIMEBDS struct{ systemTime }

// ID implements Message.
func (*NavTIMEBDS) ID() ID { return IDNavTIMEBDS }

// NavTIMEGAL is the time of a solution in Galileo System Time, whose week 0 is GPS week 1024.
type NavTIMEGAL struct{ systemTime }

// ID implements Message.
func (*NavTIMEGAL) ID() ID { return IDNavTIMEGAL }

// NavTIMELS is what the receiver knows of leap seconds.
type NavTIMELS struct {
	ITOW          uint32 // ms
	Version       uint8
	SrcOfCurrLs   uint8 // 0 firmware, 1 difference of GPS and GLONASS, 2 GPS, 3 SBAS, 4 BeiDou, 5 Galileo, 6 aiding, 7 given
	CurrLs        int8  // GPS - UTC, seconds
	SrcOfLsChange uint8 // 0 none, 2 GPS, 3 SBAS, 4 BeiDou, 5 Galileo, 6 GLONASS
	LsChange      int8  // -1, 0 or 1
	TimeToLsEvent int32 // s to the event, negative after it
	DateOfLsGpsWn uint16
	DateOfLsGpsDn uint16 // 1 to 7: the event is at the end of this day; 0 to 6 from BeiDou
	Valid         uint8  // bits: CurrLs, TimeToLsEvent
}

// The bits of NavTIMELS.Valid.
const (
	LSCurrent = 1 << 0
	LSEvent   = 1 << 1
)

// ID implements Message.
func (*NavTIMELS) ID() ID { return IDNavTIMELS }

func (m *NavTIMELS) fields(c *wire.Codec) {
	c.U4(&m.ITOW)
	c.U1(&m.Version)
	c.Skip(3)
	c.U1(&m.SrcOfCurrLs)
	c.I1(&m.CurrLs)
	c.U1(&m.SrcOfLsChange)
	c.I1(&m.LsChange)
	c.I4(&m.TimeToLsEvent)
	c.U2(&m.DateOfLsGpsWn)
	c.U2(&m.DateOfLsGpsDn)
	c.Skip(3)
	c.U1(&m.Valid)
}

// NavCLOCK is the receiver's clock against the time of the satellites.
type NavCLOCK struct {
	ITOW uint32 // ms
	ClkB int32  // ns
	ClkD int32  // ns/s
	TAcc uint32 // ns
	FAcc uint32 // ps/s
}

// ID implements Message.
func (*NavCLOCK) ID() ID { return IDNavCLOCK }

func (m *NavCLOCK) fields(c *wire.Codec) {
	c.U4(&m.ITOW)
	c.I4(&m.ClkB)
	c.I4(&m.ClkD)
	c.U4(&m.TAcc)
	c.U4(&m.FAcc)
}

// NavSVIN is the survey-in of generation 9 base stations and timing receivers.
type NavSVIN struct {
	Version                   uint8
	ITOW                      uint32 // ms
	Dur                       uint32 // s
	MeanX, MeanY, MeanZ       int32  // cm, ECEF
	MeanXHP, MeanYHP, MeanZHP int8   // 0.1 mm to add
	MeanAcc                   uint32 // 0.1 mm
	Obs                       uint32
	Valid, Active             uint8
}

// ID implements Message.
func (*NavSVIN) ID() ID { return IDNavSVIN }

func (m *NavSVIN) fields(c *wire.Codec) {
	c.U1(&m.Version)
	c.Skip(3)
	c.U4(&m.ITOW)
	c.U4(&m.Dur)
	c.I4(&m.MeanX)
	c.I4(&m.MeanY)
	c.I4(&m.MeanZ)
	c.I1(&m.MeanXHP)
	c.I1(&m.MeanYHP)
	c.I1(&m.MeanZHP)
	c.Skip(1)
	c.U4(&m.MeanAcc)
	c.U4(&m.Obs)
	c.U1(&m.Valid)
	c.U1(&m.Active)
	c.Skip(2)
}

// NavSAT is the view of the sky from generation 8 on.
type NavSAT struct {
	ITOW    uint32 // ms
	Version uint8
	Sats    []Sat
}

// Sat is a satellite in NavSAT.
type Sat struct {
	GNSSID uint8 // 0 GPS, 1 SBAS, 2 Galileo, 3 BeiDou, 4 IMES, 5 QZSS, 6 GLONASS, 7 NavIC
	SVID   uint8
	CNO    uint8  // dB-Hz
	Elev   int8   // degrees; outside of -90 to 90 = not known
	Azim   int16  // degrees
	PrRes  int16  // 0.1 m
	Flags  uint32 // bits 0 to 2: quality; 3: used
}

// SatUsed is the bit of Sat.Flags that says that the satellite is used.
const SatUsed = 1 << 3

// ID implements Message.
func (*NavSAT) ID() ID { return IDNavSAT }

func (m *NavSAT) fields(c *wire.Codec) {
	n := uint8(min(len(m.Sats), 255))
	c.U4(&m.ITOW)
	c.U1(&m.Version)
	c.U1(&n)
	c.Skip(2)
	m.Sats = sized(m.Sats, int(n), c)
	for i := range m.Sats {
		s := &m.Sats[i]
		c.U1(&s.GNSSID)
		c.U1(&s.SVID)
		c.U1(&s.CNO)
		c.I1(&s.Elev)
		c.I2(&s.Azim)
		c.I2(&s.PrRes)
		c.U4(&s.Flags)
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

// NavSVINFO is the view of the sky up to generation 7.
type NavSVINFO struct {
	ITOW        uint32 // ms
	GlobalFlags uint8  // chip generation
	Channels    []Channel
}

// Channel is a satellite in NavSVINFO.
type Channel struct {
	Chn     uint8
	SVID    uint8 // GPS 1-32, BeiDou 33-64 and 159-163, GLONASS 65-96, SBAS 120-158, QZSS 193-197, Galileo 211-246
	Flags   uint8 // bit 0: used
	Quality uint8
	CNO     uint8 // dB-Hz
	Elev    int8  // degrees
	Azim    int16 // degrees
	PrRes   int32 // cm
}

// ID implements Message.
func (*NavSVINFO) ID() ID { return IDNavSVINFO }

func (m *NavSVINFO) fields(c *wire.Codec) {
	n := uint8(min(len(m.Channels), 255))
	c.U4(&m.ITOW)
	c.U1(&n)
	c.U1(&m.GlobalFlags)
	c.Skip(2)
	m.Channels = sized(m.Channels, int(n), c)
	for i := range m.Channels {
		s := &m.Channels[i]
		c.U1(&s.Chn)
		c.U1(&s.SVID)
		c.U1(&s.Flags)
		c.U1(&s.Quality)
		c.U1(&s.CNO)
		c.I1(&s.Elev)
		c.I2(&s.Azim)
		c.I4(&s.PrRes)
	}
}
