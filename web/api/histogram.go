package api

// Histogram says how often a time had which value of late, in bins of equal width.
type Histogram struct {
	WindowSeconds float64  `json:"window_seconds"` // the values are of this long
	LeastSeconds  float64  `json:"least_seconds"`  // lower end of the first bin
	BinSeconds    float64  `json:"bin_seconds"`    // width of a bin
	Counts        []uint64 `json:"counts"`         // of each bin, from the first that has a value to the last
	Below         uint64   `json:"below"`          // values too low for any bin
	Count         uint64   `json:"count"`          // all values since the first one, also those that are forgotten in the bins
	SumSeconds    float64  `json:"sum_seconds"`    // of all these
	Above         uint64   `json:"above"`          // values too high for any bin
	MedianSeconds *float64 `json:"median_seconds"` // to the width of a bin; null = in no bin
	P99Seconds    *float64 `json:"p99_seconds"`    // 99 % of the values are not above it; to the width of a bin, null = in no bin
}

// MessageLatency is how long after its pulse the first byte of a type of message comes that names a second.
type MessageLatency struct {
	Message string    `json:"message"` // its type as the receiver calls it
	Latency Histogram `json:"latency"` // after the pulse it names or, before a second is known, after the last one
}
