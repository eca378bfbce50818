package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"timeball/web/api"
	"timeball/web/bundle"
	"timeball/web/history"
	"timeball/web/metrics"
	"timeball/web/words"
)

// bundleTimeout is for writing a bundle: a recording of some days over a slow line.
const bundleTimeout = 10 * time.Minute

// bundle answers with a support bundle. One at a time: it is long.
func (s *Server) bundle(w http.ResponseWriter, r *http.Request) {
	if !s.bundling.TryLock() {
		w.Header().Set("Retry-After", "60")
		http.Error(w, "another bundle is being written; ask again", http.StatusServiceUnavailable)
		return
	}
	defer s.bundling.Unlock()
	s.did(r, "bundle", "", nil)
	h := w.Header()
	h.Set("Content-Type", "application/gzip")
	h.Set("Content-Disposition", `attachment; filename="timeball-bundle.tar.gz"`)
	if r.Method == http.MethodHead {
		return
	}
	// Both can fail only where no limit was set.
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(bundleTimeout))
	if err := s.writeBundle(w); err != nil {
		s.log.Warn("bundle not written", "error", err)
		panic(http.ErrAbortHandler) // so that the reader sees that it is torn
	}
}

// writeBundle writes all that helps somebody else to see what this unit sees.
func (s *Server) writeBundle(w http.ResponseWriter) error {
	status := s.snapshot()
	m := bundle.Manifest{Build: status.Version, Unit: s.config.Name, Absent: map[string]string{}}
	if served := status.ServedUnixNanoseconds; served != nil {
		m.Unix = new(*served / int64(time.Second))
	}
	config, err := bundle.Redact(s.config.Configuration)
	switch {
	case err != nil:
		m.Absent[bundle.Config] = err.Error()
	case s.config.Configuration == "":
		m.Absent[bundle.Config] = "this unit was not given it"
	}
	if s.config.LogTail == nil {
		m.Absent[bundle.Log] = "no log is kept in memory"
	}
	recording, size, err := s.recording()
	if err != nil {
		m.Absent[bundle.Recording] = err.Error()
	} else {
		defer recording.Close()
	}
	b, err := bundle.NewWriter(w, m)
	if err != nil {
		return err
	}
	if err := s.addFigures(b, status); err != nil {
		return err
	}
	if m.Absent[bundle.Config] == "" {
		err = b.Add(bundle.Config, []byte(config))
	}
	if err == nil && m.Absent[bundle.Log] == "" {
		err = b.Add(bundle.Log, s.config.LogTail())
	}
	if err == nil && recording != nil {
		err = b.AddFrom(bundle.Recording, size, recording)
	}
	return errors.Join(err, b.Close())
}

// addFigures adds what the unit says of itself now and said before.
func (s *Server) addFigures(b *bundle.Writer, status api.Status) error {
	for name, v := range map[string]any{bundle.Status: status, bundle.Events: s.happened.events(words.In(words.English))} {
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if err := b.Add(name, append(text, '\n')); err != nil {
			return err
		}
	}
	for _, span := range history.Spans() {
		if err := b.Add(fmt.Sprintf(bundle.History, span), historyCSV(s.past.query(history.Query{Span: span}))); err != nil {
			return err
		}
	}
	var text bytes.Buffer
	metrics.Write(&text, status, metrics.Events(s.happened.state(), s.happened.notifier.Channels())...)
	for _, add := range s.extra {
		add(&text)
	}
	return b.Add(bundle.Metrics, text.Bytes())
}

// recording opens what -record writes, as far as it is written and a bundle may hold.
func (s *Server) recording() (*os.File, int64, error) {
	if s.config.Recording == "" {
		return nil, 0, errors.New("the unit runs without -record; what the engine took can't be known from the middle on")
	}
	f, err := os.Open(s.config.Recording)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, min(info.Size(), bundle.MaxFile), nil
}
