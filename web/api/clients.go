package api

// Clients is the answer of GET /api/v1/clients: who has asked this unit for the time, in a table of a fixed size.
type Clients struct {
	API     int      `json:"api"`     // 1
	Known   int      `json:"known"`   // how many there are in the table; those not seen for longest are forgotten
	Clients []Client `json:"clients"` // in no order; [] = nobody has asked
}

// Client is one address, or one IPv6 network of 64 bits.
type Client struct {
	Address         string   `json:"address"`          // "10.4.0.21" or "2001:db8::/64"
	FirstSeconds    float64  `json:"first_seconds"`    // since its first request that is remembered
	LastSeconds     float64  `json:"last_seconds"`     // since its last request
	Requests        uint64   `json:"requests"`         // all of them
	Limited         uint64   `json:"limited"`          // requests among them above the limit
	IntervalSeconds *float64 `json:"interval_seconds"` // between requests, mean of about the last eight; null = one request
	Version         int      `json:"version"`          // of NTP, of the last request
	Mode            int      `json:"mode"`             // of NTP, of the last request: 3 = client
	Interleaved     bool     `json:"interleaved"`      // the last request asked for an interleaved answer
}
