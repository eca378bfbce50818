package web

import (
	"net/http"
	"time"
)

// stream sends the status once a second as server-sent events until the viewer leaves, is too slow, or the server ends. A
// reader that lost its connection names the last event it has and gets what it has missed of the last minute. With
// "?page" each status is followed by an event "page" with the parts of the page that have changed.
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
	v := &viewer{w: w, control: http.NewResponseController(w), live: s.live, follows: r.URL.Query().Has("page"), look: s.look(r)}
	// The limit on reading was for the request; a stream has nothing more to read, and the limit would end it.
	if err := v.control.SetReadDeadline(time.Time{}); err != nil {
		s.fail(w, "stream", err)
		return
	}
	v.resume(r.Header.Get("Last-Event-ID"))
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		if err := v.send(); err != nil {
			s.log.Debug("stream ended", "viewer", r.RemoteAddr, "error", err)
			return
		}
		next.Reset(s.live.wait())
		select {
		case <-next.C:
		case <-r.Context().Done():
			return
		}
	}
}

// viewer is one open stream.
type viewer struct {
	w       http.ResponseWriter
	control *http.ResponseController
	live    *live
	look    look
	follows bool   // the page, not only the status
	missed  []byte // events from before the connection
	page    *frame // as the viewer has it; nil: none yet
	text    []byte
}

// resume prepares what a reader has missed. A page needs none of it: it gets all its parts.
func (v *viewer) resume(lastEventID string) {
	if v.follows {
		return
	}
	for _, m := range v.live.since(lastEventID) {
		v.missed = append(v.missed, m.event...)
	}
}

// send writes what is new, at once, and returns an error when the viewer does not take it in time.
func (v *viewer) send() error {
	text := append(v.text[:0], v.missed...)
	v.missed = nil
	text = append(text, v.live.moment().event...)
	if v.follows {
		f, err := v.live.frame(v.look)
		if err != nil {
			return err
		}
		if f != v.page {
			text = append(text, f.after(v.page)...)
			v.page = f
		}
	}
	v.text = text
	if err := v.control.SetWriteDeadline(time.Now().Add(eventTimeout)); err != nil {
		return err
	}
	if _, err := v.w.Write(text); err != nil {
		return err
	}
	return v.control.Flush()
}
