package api

// Faults is the answer of GET /api/v1/faults on a simulated board: what can be made to go wrong there with the command
// fault, and what does.
type Faults struct {
	API    int          `json:"api"`    // 1
	Faults []FaultState `json:"faults"` // in the order in which they are shown
}

// FaultState is one fault of a simulated board.
type FaultState struct {
	Name             string   `json:"name"`              // stable: antenna-open, jamming, ...
	Text             string   `json:"text"`              // what happens, in words
	BySeconds        float64  `json:"by_seconds"`        // its usual size, where that is a time; 0 = it has none
	Once             bool     `json:"once"`              // it happens at once and is over: it can't be ended
	SinceSeconds     *float64 `json:"since_seconds"`     // for how long it has been on; null = it is off
	RemainingSeconds *float64 `json:"remaining_seconds"` // until it ends by itself; null = it does not, or it is off
}
