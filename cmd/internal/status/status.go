// Package status asks a unit for its status and writes it for a terminal: the verdict first, then the figures.
//
// What the unit says is text from the network: control characters are replaced, so that it cannot move the cursor. A unit
// that does not answer, or answers something else, is an error that names its address.
package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"timeball/web/api"
	"timeball/web/figure"
	"timeball/web/verdict"
)

const (
	patience  = 5 * time.Second
	maxAnswer = 1 << 20 // bytes; a status with a full sky is below 20 kB
)

// Run writes the status of the unit at unitURL to w. The URL may be a bare host or host:port.
func Run(ctx context.Context, w io.Writer, unitURL string) error {
	s, err := Fetch(ctx, unitURL)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, Text(s))
	return err
}

// Fetch asks the unit for its status. The URL may be a bare host or host:port.
func Fetch(ctx context.Context, unitURL string) (api.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s, err := fetch(ctx, unitURL)
	if err != nil {
		return s, fmt.Errorf("status of %s: %w", unitURL, err)
	}
	return s, nil
}

func fetch(ctx context.Context, unitURL string) (s api.Status, err error) {
	if !strings.Contains(unitURL, "://") {
		unitURL = "http://" + unitURL
	}
	target, err := url.JoinPath(unitURL, "/api/v1/status")
	if err != nil {
		return s, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return s, err
	}
	// A unit is a neighbour: no proxy, and no other address than the one that was named.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: stay}
	answer, err := client.Do(request)
	if err != nil {
		if failed := (*url.Error)(nil); errors.As(err, &failed) {
			err = failed.Err
		}
		return s, fmt.Errorf("no answer: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 200))
		return s, fmt.Errorf("answered %s: %s", answer.Status, printable(strings.TrimSpace(string(text))))
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(&s); err != nil {
		return s, fmt.Errorf("not a Timeball: %w", err)
	}
	if s.API != 1 {
		return s, fmt.Errorf("speaks version %d of the API, this tool speaks 1", s.API)
	}
	return s, nil
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// row is one line of figures.
type row struct{ name, value string }

// Text returns the status in lines: the verdict, an empty line, and what is known, names and values aligned.
func Text(s api.Status) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", printable(verdict.Sentence(s)))
	var rows []row
	for _, r := range slices.Concat(timeRows(s), conditionRows(s), witnessRows(s), unitRows(s)) {
		if r.value != "" {
			rows = append(rows, r)
		}
	}
	width := 0
	for _, r := range rows {
		width = max(width, utf8.RuneCountInString(r.name))
	}
	for _, r := range rows {
		fmt.Fprintf(&b, "  %-*s  %s\n", width, r.name, printable(r.value))
	}
	return b.String()
}

func timeRows(s api.Status) []row {
	mode := s.Mode
	if s.ModeSeconds >= 1 {
		mode += " for " + figure.Span(s.ModeSeconds)
	}
	trueError := ""
	if s.Simulated {
		trueError = offset(s.SimErrorSeconds, ", simulated board")
	}
	return []row{
		{"mode", mode},
		{"bound", bound(s)},
		{"offset", offset(s.OffsetSeconds, ", local minus reference")},
		{"precision", known(s.PrecisionSeconds, func(v float64) string { return figure.Duration(v, 2) + ", 1 σ of the loop" })},
		{"bias", bias(s)},
		{"frequency", frequency(s)},
		{"temperature", known(s.TemperatureCelsius, figure.Celsius)},
		{"processor", known(s.Utilisation, figure.Percent)},
		{"true error", trueError},
	}
}

func unitRows(s api.Status) []row {
	satellites := ""
	if s.SatellitesUsed != nil {
		satellites = fmt.Sprintf("%d in use", *s.SatellitesUsed)
		if s.Satellites != nil {
			satellites += fmt.Sprintf(", %d in view", len(s.Satellites))
		}
	}
	return []row{
		{"satellites", satellites},
		{"receiver", text(s.Receiver)},
		{"line", text(s.Serial)},
		{"pulses", tally(s.PulsesAccepted, "used", s.PulsesRefused)},
		{"ntp", ntp(s)},
		{"leap list", verdict.LeapSeconds(s)},
		{"requests", tally(s.RequestsAnswered, "answered", s.RequestsRefused)},
		{"unit", strings.Join(filled("Timeball "+s.Version, s.Board, "up "+figure.Span(s.UptimeSeconds)), ", ")},
		{"addresses", strings.Join(s.Addresses, ", ")},
	}
}

// conditionRows are what speaks against the receiver.
func conditionRows(s api.Status) (rows []row) {
	for _, c := range s.Conditions {
		rows = append(rows, row{"condition", fmt.Sprintf("%s (%s) for %s: %s", c.Name, c.Severity, figure.Span(c.SinceSeconds), c.Text)})
	}
	return rows
}

func witnessRows(s api.Status) (rows []row) {
	for _, w := range s.Witnesses {
		rows = append(rows, row{"witness", w.Name + ": " + verdict.Witness(w)})
	}
	return rows
}

func bound(s api.Status) string {
	seconds, ok := verdict.Bound(s)
	if !ok {
		return "no bound"
	}
	value := "≤ " + figure.Bound(seconds, 4)
	if s.BoundReferenceSeconds == nil || s.BoundCaptureSeconds == nil || s.BoundPulseSeconds == nil {
		return value
	}
	return fmt.Sprintf("%s = reference %s + capture %s + pulse %s", value, figure.Duration(*s.BoundReferenceSeconds, 3),
		figure.Duration(*s.BoundCaptureSeconds, 3), figure.Duration(*s.BoundPulseSeconds, 3))
}

func bias(s api.Status) string {
	if s.BiasSeconds == nil || s.BiasSigmaSeconds == nil {
		return figure.Unknown
	}
	return figure.PlusMinus(*s.BiasSeconds, *s.BiasSigmaSeconds) + ", 1 σ, removed"
}

func frequency(s api.Status) string {
	return known(s.FrequencyRatio, func(y float64) string {
		sigma := 0.0
		if s.FrequencySigmaRatio != nil {
			sigma = *s.FrequencySigmaRatio
		}
		return figure.FrequencySigma(y, sigma) + ", positive runs fast"
	})
}

func ntp(s api.Status) string {
	if !verdict.Served(s) {
		return "not synchronised, leap indicator 3"
	}
	parts := []string{fmt.Sprintf("stratum %d", s.Stratum), text(s.RefID), "leap " + s.Leap}
	if s.RootDispersionSeconds != nil {
		parts = append(parts, "root dispersion "+figure.Duration(*s.RootDispersionSeconds, 4))
	}
	return strings.Join(filled(parts...), ", ")
}

func tally(good uint64, what string, refused uint64) string {
	return fmt.Sprintf("%s %s, %s refused", figure.Count(good), what, figure.Count(refused))
}

func known(v *float64, write func(float64) string) string {
	if v == nil {
		return figure.Unknown
	}
	return write(*v)
}

// offset writes an offset; one that is not known has no explanation.
func offset(v *float64, what string) string {
	return known(v, func(v float64) string { return figure.Offset(v) + what })
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func filled(parts ...string) []string {
	var kept []string
	for _, p := range parts {
		if strings.TrimSpace(p) != "" {
			kept = append(kept, strings.TrimSpace(p))
		}
	}
	return kept
}

func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\u00a0' || unicode.IsPrint(r) {
			return r
		}
		return '.'
	}, text)
}
