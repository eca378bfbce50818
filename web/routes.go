package web

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"slices"

	"timeball/web/api"
	"timeball/web/metrics"
	"timeball/web/openapi"
	"timeball/web/page"
)

const jsonType = "application/json"

// routes returns the table of all that this server answers. Nothing is answered that is not in it.
func (s *Server) routes() []Route {
	routes := []Route{
		{Method: "GET", Path: "/{$}", Policy: Public, Handle: s.page},
		{Method: "GET", Path: "/assets/", Policy: Public, Handle: s.assets.serve},
		{Method: "GET", Path: "/api/v1/status", Policy: Public, Handle: s.status},
		{Method: "GET", Path: "/api/v1/stream", Policy: Public, Handle: s.stream},
		{Method: "GET", Path: "/api/v1/now", Policy: Public, Handle: s.now},
		{Method: "GET", Path: "/api/v1/openapi.json", Policy: Public, Handle: s.openAPI},
		{Method: "GET", Path: "/api/v1/clients", Policy: Public, Handle: s.clients},
		{Method: "GET", Path: "/api/v1/faults", Policy: Public, Handle: s.faults},
		{Method: "POST", Path: "/api/v1/faults", Policy: Admin, Handle: s.fault},
		{Method: "GET", Path: "/metrics", Policy: Public, Handle: s.metrics},
	}
	return slices.Concat(routes, s.pastRoutes(), s.eventRoutes(), s.doorRoutes(), s.settingsRoutes())
}

// snapshot returns the unit's status in a form that can be written: JSON knows no infinity, and what is no number is not
// known.
func (s *Server) snapshot() api.Status {
	status := s.unit.Status()
	status.API = 1
	for _, v := range []**float64{
		&status.OffsetSeconds, &status.PrecisionSeconds, &status.BiasSeconds, &status.BiasSigmaSeconds, &status.BoundSeconds,
		&status.RootDispersionSeconds, &status.FrequencyRatio, &status.FrequencySigmaRatio, &status.TemperatureCelsius,
		&status.Utilisation, &status.SimErrorSeconds, &status.BoundPulseSeconds, &status.BoundCaptureSeconds, &status.BoundReferenceSeconds,
	} {
		if *v != nil && (math.IsNaN(**v) || math.IsInf(**v, 0)) {
			*v = nil
		}
	}
	if status.BoundSeconds == nil || slices.ContainsFunc(status.BoundParts, func(p api.BoundPart) bool { return !writable(p.Seconds, p.SigmaSeconds) }) {
		status.BoundParts = nil
	}
	if l := status.OscillatorLaw; l != nil && !finite(l.AgeingRatioPerDay, l.AgeingSigmaRatioPerDay) || l != nil && !finite(slices.Concat(l.Coefficients, l.Covariance)...) {
		status.OscillatorLaw = nil
	}
	return status
}

// writable says that what is known of some numbers is finite.
func writable(all ...*float64) bool {
	return !slices.ContainsFunc(all, func(v *float64) bool { return v != nil && !finite(*v) })
}

func finite(all ...float64) bool {
	return !slices.ContainsFunc(all, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
}

// site is what the page knows of this server.
func (s *Server) site() page.Site {
	site := s.assets.site
	is := s.identity()
	site.Name, site.Zone = is.Name, is.Zone
	if site.Name == "" {
		site.Name = "this unit"
	}
	return site
}

func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	k := s.look(r)
	html, err := s.live.whole(k)
	if err != nil {
		s.fail(w, "page", err)
		return
	}
	rememberLang(w, r, k.lang)
	write(w, r, "text/html; charset=utf-8", html, nil)
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) {
	s.json(w, r, s.snapshot())
}

// interval is the answer of /api/v1/now: UTC was within it when the unit wrote it.
type interval struct {
	Earliest *int64 `json:"earliest_unix_nanoseconds"`
	Latest   *int64 `json:"latest_unix_nanoseconds"`
	Mode     string `json:"mode"`
}

func (s *Server) now(w http.ResponseWriter, r *http.Request) {
	var i interval
	i.Earliest, i.Latest, i.Mode = s.unit.Now()
	s.json(w, r, i)
}

func (s *Server) openAPI(w http.ResponseWriter, r *http.Request) {
	write(w, r, jsonType, openapi.Document, nil)
}

func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	var b bytes.Buffer
	metrics.Write(&b, s.snapshot(), metrics.Events(s.happened.state(), s.happened.notifier.Channels())...)
	for _, add := range s.extra {
		add(&b)
	}
	write(w, r, metrics.ContentType, b.Bytes(), nil)
}

func (s *Server) json(w http.ResponseWriter, r *http.Request, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		s.fail(w, r.URL.Path, err)
		return
	}
	write(w, r, jsonType, append(text, '\n'), nil)
}

// fail answers for an error of our own.
func (s *Server) fail(w http.ResponseWriter, what string, err error) {
	s.log.Error("answer not written", "what", what, "error", err)
	http.Error(w, "this unit could not write the answer; its log says why", http.StatusInternalServerError)
}
