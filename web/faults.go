package web

import (
	"fmt"
	"net/http"
	"strconv"

	"timeball/web/api"
)

// faults answers what can be made to go wrong on a simulated board.
func (s *Server) faults(w http.ResponseWriter, r *http.Request) {
	f := s.unit.Faults()
	if f == nil {
		http.Error(w, "this is no simulated board: nothing can be made to go wrong", http.StatusNotFound)
		return
	}
	s.json(w, r, f)
}

// fault takes a form with a fault that is to begin or to end.
func (s *Server) fault(w http.ResponseWriter, r *http.Request) {
	f, err := readFault(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	result, err := s.unit.Do(r.Context(), api.Command{Name: api.CommandFault, By: VisitorOf(r).Name, Fault: &f})
	if err != nil {
		result = api.Refuse("the unit was not reached: %v", err)
	}
	if result.State == api.Failed {
		err = fmt.Errorf("%s", result.Message)
	}
	s.did(r, "fault", f.Name, err)
	s.answerForm(w, r, result, "/#sim")
}

// readFault reads the fields fault, end, for_seconds and by_seconds of a form.
func readFault(r *http.Request) (f api.Fault, err error) {
	f.Name, f.End = r.PostFormValue("fault"), r.PostFormValue("end") != ""
	for name, to := range map[string]*float64{"for_seconds": &f.ForSeconds, "by_seconds": &f.BySeconds} {
		text := r.PostFormValue(name)
		if text == "" {
			continue
		}
		if *to, err = strconv.ParseFloat(text, 64); err != nil {
			return f, fmt.Errorf("%s %.20q: a number of seconds", name, text)
		}
	}
	return f, nil
}
