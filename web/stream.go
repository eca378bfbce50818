package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"

	"timeball/web/api"
	"timeball/web/page"
)

// stream sends the status once a second as server-sent events until the viewer leaves, is too slow, or the server ends.
// With "?page" each one is followed by an event "page" with the parts of the page that have changed.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		w.Header().Set("Retry-After", "10")
		http.Error(w, "too many viewers follow this unit; /api/v1/status still answers", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	if r.Method == http.MethodHead {
		return
	}
	v := &viewer{w: w, control: http.NewResponseController(w), follows: r.URL.Query().Has("page"), sent: map[string]string{}}
	// The limit on reading was for the request; a stream has nothing more to read, and the limit would end it.
	if err := v.control.SetReadDeadline(time.Time{}); err != nil {
		s.fail(w, "stream", err)
		return
	}
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for {
		if err := v.send(s.site(), s.snapshot()); err != nil {
			s.log.Debug("stream ended", "viewer", r.RemoteAddr, "error", err)
			return
		}
		select {
		case <-every.C:
		case <-r.Context().Done():
			return
		}
	}
}

// viewer is one open stream.
type viewer struct {
	w       http.ResponseWriter
	control *http.ResponseController
	follows bool              // the page, not only the status
	sent    map[string]string // parts as the viewer has them
	b       bytes.Buffer
}

// send writes what is new and returns an error when the viewer does not take it in time.
func (v *viewer) send(site page.Site, status api.Status) error {
	v.b.Reset()
	if err := v.event("", status); err != nil {
		return err
	}
	if v.follows {
		event, err := page.Follow(site, status)
		if err != nil {
			return err
		}
		v.keepNew(event.Parts)
		if err := v.event("page", event); err != nil {
			return err
		}
	}
	if err := v.control.SetWriteDeadline(time.Now().Add(eventTimeout)); err != nil {
		return err
	}
	if _, err := v.w.Write(v.b.Bytes()); err != nil {
		return err
	}
	return v.control.Flush()
}

// event adds one event; JSON has no line breaks, so one data line holds it.
func (v *viewer) event(name string, data any) error {
	if name != "" {
		v.b.WriteString("event: " + name + "\n")
	}
	v.b.WriteString("data: ")
	e := json.NewEncoder(&v.b)
	e.SetEscapeHTML(false) // no browser takes an event for HTML, and the parts are full of it
	if err := e.Encode(data); err != nil {
		return err
	}
	v.b.WriteByte('\n')
	return nil
}

// keepNew removes the parts that the viewer already has.
func (v *viewer) keepNew(parts map[string]string) {
	for id, html := range parts {
		if v.sent[id] == html {
			delete(parts, id)
			continue
		}
		v.sent[id] = html
	}
}
