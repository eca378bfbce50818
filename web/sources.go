package web

import (
	"fmt"
	"strings"

	"timeball/web/api"
	"timeball/web/audit"
)

// sources is where the unit had its time from when it was looked at last.
type sources struct {
	known    bool
	receiver string
	leader   string
	steps    uint64
}

// watchSources records a new source of time and a step of the clock, which nobody asked for on the page.
func (s *Server) watchSources(status *api.Status) {
	now := sources{known: true, receiver: s.watched.receiver, leader: s.watched.leader, steps: status.ClockSteps}
	if status.Receiver != nil {
		now.receiver = *status.Receiver
	}
	if status.RefID != nil {
		now.leader = *status.RefID
	}
	before := s.watched
	s.watched = now
	if now.receiver != before.receiver {
		s.record(audit.Entry{What: "source", OK: true, Text: fromTo("receiver", before.receiver, now.receiver), Anyones: true})
	}
	if now.leader != before.leader {
		s.record(audit.Entry{What: "source", OK: true, Text: fromTo("reference", before.leader, now.leader), Anyones: true})
	}
	if before.known && now.steps > before.steps {
		s.record(audit.Entry{What: "step", OK: true, Text: fmt.Sprintf("%d since the start", now.steps), Anyones: true})
	}
}

func fromTo(what, before, now string) string {
	return strings.TrimSpace(what + " " + strings.TrimPrefix(fmt.Sprintf("%s -> %s", before, now), " -> "))
}
