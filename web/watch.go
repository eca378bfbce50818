package web

import (
	"context"
	"sync"
	"time"
)

// Watch follows the unit once a second, for what a person asks of the past, until ctx ends; then it keeps what is worth
// keeping. It is called once, and the server answers with and without it. What can't be kept is logged and ends nothing.
func (s *Server) Watch(ctx context.Context) error {
	if err := s.past.recall(); err != nil {
		s.log.Warn("history of before is not used", "error", err)
	}
	var keeping sync.WaitGroup
	keeping.Go(func() { s.past.keep(ctx, s.notKept) })
	began := time.Now()
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for ctx.Err() == nil {
		now := time.Now()
		status := s.snapshot()
		s.past.add(now.Sub(began), now.Unix(), &status)
		select {
		case <-every.C:
		case <-ctx.Done():
		}
	}
	keeping.Wait()
	if err := s.past.save(true); err != nil {
		s.notKept(err)
	}
	return nil
}

func (s *Server) notKept(err error) { s.log.Error("history not kept", "error", err) }
