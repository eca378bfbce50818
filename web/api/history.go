package api

import "strconv"

// History is the answer of GET /api/v1/history?span=hour|day|month&series=a,b&points=N: columns over time.
//
// A second that is not in unix_seconds, and a null in a column, is a gap: nothing was seen, or it was not known. As CSV
// (format=csv, or /api/v1/history.csv) it has a line for each of unix_seconds.
type History struct {
	API         int      `json:"api"`          // 1
	Span        string   `json:"span"`         // hour, day or month (30 days)
	StepSeconds int64    `json:"step_seconds"` // how long a bucket is
	Dated       bool     `json:"dated"`        // false = the unit does not know the time yet: unix_seconds are provisional
	Modes       []string `json:"modes"`        // what the numbers of the series mode stand for, by index; the greatest is the worst
	UnixSeconds []int64  `json:"unix_seconds"` // where each bucket begins, ascending, of the served clock

	Series map[string]Column `json:"series"` // by name, as long as unix_seconds each
}

// Column is one series. In buckets of one second there is one value.
type Column struct {
	Min    Numbers `json:"min,omitempty"` // the least of each bucket; absent in buckets of one second
	Median Numbers `json:"median"`        // the median of each bucket, or the value of the second
	Max    Numbers `json:"max,omitempty"` // the greatest of each bucket; absent in buckets of one second
}

// Numbers are values of which some are not known; those are NaN here and null in JSON.
type Numbers []float32

// MarshalJSON implements json.Marshaler.
func (n Numbers) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 12*len(n)+2)
	b = append(b, '[')
	for i, v := range n {
		if i > 0 {
			b = append(b, ',')
		}
		if v != v {
			b = append(b, "null"...)
			continue
		}
		b = strconv.AppendFloat(b, float64(v), 'g', -1, 32)
	}
	return append(b, ']'), nil
}
