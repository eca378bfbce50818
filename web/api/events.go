package api

// Events is the answer of GET /api/v1/events: what happened, and who was told. Texts are in the language of ?lang=en|zh.
type Events struct {
	API            int       `json:"api"`            // 1
	Active         int       `json:"active"`         // events that still are
	Unacknowledged int       `json:"unacknowledged"` // active alarms and warnings that nobody has acknowledged
	Events         []Event   `json:"events"`         // what is active before what has ended, the newest first; [] = nothing happened
	Channels       []Channel `json:"channels"`       // who is told; [] = nobody is configured
	Dropped        uint64    `json:"dropped"`        // events that are no longer kept, since the first start
}

// The severities of events.
const (
	SeverityAlarm   = "alarm"
	SeverityWarning = "warning"
	SeverityNote    = "note"
)

// Event is one thing that happened once or, within an hour of its end, again.
type Event struct {
	ID                      uint64   `json:"id"`                        // counts from 1 and is never used again
	Name                    string   `json:"name"`                      // stable: lock-lost, jamming, ...
	Severity                string   `json:"severity"`                  // alarm, warning or note
	Active                  bool     `json:"active"`                    // it still is; false = it has ended
	Count                   int      `json:"count"`                     // how often it began
	Text                    string   `json:"text"`                      // in words, with its figures
	FirstUnixSeconds        *int64   `json:"first_unix_seconds"`        // when it first began, by the served clock; null = this unit did not know the time
	LastUnixSeconds         *int64   `json:"last_unix_seconds"`         // when it last was so
	Acknowledged            bool     `json:"acknowledged"`              // somebody has seen it
	AcknowledgedBy          string   `json:"acknowledged_by"`           // the account; "" = nobody, or you are not signed in
	AcknowledgedUnixSeconds *int64   `json:"acknowledged_unix_seconds"` // when
	Told                    []string `json:"told"`                      // the channels that took it; [] = none
}

// Channel is one way by which events are told.
type Channel struct {
	Name       string  `json:"name"`        // syslog, webhook or prometheus
	Target     string  `json:"target"`      // where to, without what is secret; "" = you are not signed in
	Sent       uint64  `json:"sent"`        // messages that were taken
	Failed     uint64  `json:"failed"`      // attempts that failed
	Dropped    uint64  `json:"dropped"`     // messages that were given up
	Waiting    int     `json:"waiting"`     // messages that are still to be sent
	LastError  string  `json:"last_error"`  // of the newest attempt; "" = it went well, or there was none
	LastResult *string `json:"last_result"` // of the newest test, in words; null = none was sent
}
