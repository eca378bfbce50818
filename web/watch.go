package web

import (
	"context"
	"sync"
	"time"

	"timeball/web/audit"
)

// Watch follows the unit once a second, for what a person asks of the past and for who is told what happens, until ctx ends;
// then it keeps what is worth keeping. It is called once, and the server answers with and without it. What can't be kept
// is logged and ends nothing.
func (s *Server) Watch(ctx context.Context) error {
	if err := s.past.recall(); err != nil {
		s.log.Warn("history of before is not used", "error", err)
	}
	if err := s.happened.recall(); err != nil {
		s.log.Warn("events of before are not used", "error", err)
	}
	if err := s.naming.recall(s.config.Store); err != nil {
		s.log.Warn("name of before is not used", "error", err)
	}
	s.happened.started(s.snapshot().Version)
	s.record(audit.Entry{What: "start", OK: true, Text: s.snapshot().Version})
	var helpers sync.WaitGroup
	helpers.Go(func() { s.happened.notifier.Run(ctx) })
	helpers.Go(func() { s.past.keep(ctx, s.kept) })
	helpers.Go(func() { s.happened.keep(ctx, s.kept) })
	s.follow(ctx)
	helpers.Wait()
	s.kept(s.past.save(true))
	s.kept(s.happened.save())
	return nil
}

// follow looks once a second.
func (s *Server) follow(ctx context.Context) {
	began := time.Now()
	next := time.NewTimer(0)
	defer next.Stop()
	for ctx.Err() == nil {
		now := time.Now()
		status := s.live.moment().status // of this second, which readers who lose their connection get later
		s.past.add(now.Sub(began), now.Unix(), &status)
		s.happened.look(now.Sub(began), &status)
		s.watchSources(&status)
		s.watchTrial(ctx)
		s.live.moment() // is there for a reader who loses its connection
		next.Reset(s.live.wait())
		select {
		case <-next.C:
		case <-ctx.Done():
		}
	}
}

// kept takes what became of a write.
func (s *Server) kept(err error) {
	s.happened.kept(err)
	if err != nil {
		s.log.Error("history or events not kept", "error", err)
	}
}
