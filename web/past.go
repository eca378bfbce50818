package web

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"timeball/web/api"
	"timeball/web/history"
)

// A month of all is 4 MB, and anyone may ask: few are answered at once, so that the rest of the page is not held up.
const (
	maxHeavy      = 2
	heavyPatience = 5 * time.Second
)

// pastRoutes are what is answered of the past.
func (s *Server) pastRoutes() []Route {
	return []Route{
		{Method: "GET", Path: "/api/v1/history", Policy: Public, Handle: s.history},
		{Method: "GET", Path: "/api/v1/history.csv", Policy: Public, Handle: s.history},
	}
}

// history answers with columns over time, as JSON or as CSV.
func (s *Server) history(w http.ResponseWriter, r *http.Request) {
	q, format, err := historyQuery(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	select {
	case s.heavy <- struct{}{}:
		defer func() { <-s.heavy }()
	case <-time.After(heavyPatience):
		w.Header().Set("Retry-After", "10")
		http.Error(w, "others are asking for so much that there is no turn; ask again", http.StatusServiceUnavailable)
		return
	case <-r.Context().Done():
		return
	}
	answer := s.past.query(q)
	if format == "csv" {
		w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", "timeball-"+answer.Span+".csv"))
		write(w, r, "text/csv; charset=utf-8", historyCSV(answer), nil)
		return
	}
	text, err := json.Marshal(answer)
	if err != nil {
		s.fail(w, "history", err)
		return
	}
	write(w, r, jsonType, append(text, '\n'), nil)
}

// historyQuery reads what is asked for.
func historyQuery(r *http.Request) (q history.Query, format string, err error) {
	asked := r.URL.Query()
	q.Span = asked.Get("span")
	if names := asked.Get("series"); names != "" {
		q.Series = strings.Split(names, ",")
	}
	if points := asked.Get("points"); points != "" {
		if q.Points, err = strconv.Atoi(points); err != nil || q.Points < 1 {
			return q, "", fmt.Errorf("points %.20q: a positive number", points)
		}
	}
	format = asked.Get("format")
	switch {
	case strings.HasSuffix(r.URL.Path, ".csv") && format == "":
		format = "csv"
	case format != "" && format != "csv" && format != "json":
		return q, "", fmt.Errorf("format %.20q: json or csv", format)
	}
	return q, format, q.Check()
}

// historyCSV writes a line for each bucket; what is not known is empty.
func historyCSV(a api.History) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	head, columns := []string{"unix_seconds", "utc"}, []api.Numbers{}
	for _, name := range history.Series() {
		c, ok := a.Series[name]
		switch {
		case !ok:
		case c.Min == nil:
			head, columns = append(head, name), append(columns, c.Median)
		default:
			head = append(head, name+"_min", name+"_median", name+"_max")
			columns = append(columns, c.Min, c.Median, c.Max)
		}
	}
	w.Write(head) // to memory: it can not fail
	line := make([]string, len(head))
	for i, at := range a.UnixSeconds {
		line[0], line[1] = strconv.FormatInt(at, 10), time.Unix(at, 0).UTC().Format(time.RFC3339)
		for k, c := range columns {
			line[k+2] = ""
			if v := c[i]; v == v {
				line[k+2] = strconv.FormatFloat(float64(v), 'g', -1, 32)
			}
		}
		w.Write(line)
	}
	w.Flush()
	return b.Bytes()
}
