package witness

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// The manners of RFC 4330, 10 and RFC 8633: never more often than every 15 s, ever more rarely while it is of no use,
// less often when asked to, and not in step with others.
const (
	firstInterval  = 16 * time.Second
	usualInterval  = 1024 * time.Second
	unsentInterval = 64 * time.Second      // nothing was sent: nobody is burdened but a resolver
	mostInterval   = 1 << 17 * time.Second // the longest of RFC 5905
)

// pacing says when to ask next.
type pacing struct {
	asked int           // questions since the unit lost its second
	least time.Duration // that the server wants
}

// next returns the time to the next question, after one that ended with err. settled means that the unit knows its second.
func (p *pacing) next(err error, settled bool) time.Duration {
	if errors.Is(err, ErrRate) {
		p.least = min(2*max(p.least, usualInterval/2), mostInterval)
	}
	interval := usualInterval
	switch {
	case settled:
		p.asked = 0
	case errors.Is(err, ErrNotSent):
		interval = min(firstInterval<<p.asked, unsentInterval)
		p.asked = min(p.asked+1, 6)
	default:
		interval = min(firstInterval<<p.asked, usualInterval)
		p.asked = min(p.asked+1, 6)
	}
	return max(interval, p.least)
}

// Run asks the server until ctx is done, and tells what became of each question. settled says whether the unit knows its
// second: until then it asks more often.
func (s *Server) Run(ctx context.Context, settled func() bool, tell func(Report)) {
	var p pacing
	for {
		now, _ := s.Now()
		reading, err := s.Ask(ctx)
		if ctx.Err() != nil {
			return
		}
		report := Report{Name: s.Name, Asked: now.Mono, Error: err}
		if err == nil {
			report.Reading = &reading
		}
		tell(report)
		interval := p.next(err, settled())
		if !p.rest(ctx, interval+time.Duration(rand.Int64N(int64(interval/16))), settled) {
			return
		}
	}
}

// rest waits for the next question; less long where the unit loses its second meanwhile, if the server has nothing against
// that. It is false when ctx is done.
func (p *pacing) rest(ctx context.Context, d time.Duration, settled func() bool) bool {
	for known := settled(); d > 0; d -= firstInterval {
		if !pause(ctx, min(d, firstInterval)) {
			return false
		}
		if known && !settled() && p.least == 0 {
			return true
		}
	}
	return true
}

// pause waits; false when ctx is done.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
