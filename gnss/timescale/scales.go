package timescale

// GPS is nanoseconds of GPS time since its epoch, 1980-01-06 00:00:00 UTC (IS-GPS-200, 3.3.4). TAI - GPS is 19 s.
type GPS int64

// BDT is nanoseconds of BeiDou time since its epoch, 2006-01-01 00:00:00 UTC (BDS-SIS-ICD-B1I, 3.3). TAI - BDT is 33 s.
// BeiDou counts the days of a week from 0, Sunday, to 6; GPS's leap second message counts them from 1 to 7.
type BDT int64

// The epochs in TAI.
const (
	gpsEpoch TAI = (315964800 + 19) * Second
	bdtEpoch TAI = (1136073600 + 33) * Second
)

// GPSWeek returns the instant of GPS time that is the given nanoseconds into a week, counted from the epoch without
// rollover.
func GPSWeek(week int, inWeek int64) GPS { return GPS(int64(week)*Week + inWeek) }

// BDTWeek returns the instant of BeiDou time that is the given nanoseconds into a week, counted from the epoch.
func BDTWeek(week int, inWeek int64) BDT { return BDT(int64(week)*Week + inWeek) }

// Week returns the week of g, without rollover, and the nanoseconds into it.
func (g GPS) Week() (week int, inWeek int64) { return split(int64(g)) }

// Week returns the week of b and the nanoseconds into it.
func (b BDT) Week() (week int, inWeek int64) { return split(int64(b)) }

func split(t int64) (int, int64) {
	week, rest := floorDiv(t, Week)
	return int(week), rest
}

// TAI returns g as TAI.
func (g GPS) TAI() TAI { return TAI(g) + gpsEpoch }

// TAI returns b as TAI.
func (b BDT) TAI() TAI { return TAI(b) + bdtEpoch }

// GPS returns t as GPS time.
func (t TAI) GPS() GPS { return GPS(t - gpsEpoch) }

// BDT returns t as BeiDou time.
func (t TAI) BDT() BDT { return BDT(t - bdtEpoch) }
