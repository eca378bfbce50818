package web

import "net/http"

// clients answers who has asked for the time.
func (s *Server) clients(w http.ResponseWriter, r *http.Request) {
	c := s.unit.Clients()
	c.API = 1
	s.json(w, r, c)
}
