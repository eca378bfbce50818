package web

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
)

// Policy says who may ask a route, and where. Every route of the table has one; its zero value is none and stops the
// program at its start.
type Policy int

// The policies.
const (
	_      Policy = iota
	Public        // anyone, on -http and -https: it only reads
	Secure        // anyone, on -https only: what leads to an account
	Viewer        // on -https, with an account of any role: it only reads, but for the visitor's own account
	Admin         // on -https, the admin: all that changes something
)

// String returns the policy's name.
func (p Policy) String() string {
	return [...]string{"none", "public", "secure", "viewer", "admin"}[p]
}

// Route is one line of the table of all that this server answers. A GET answers HEAD as well.
type Route struct {
	Method string
	Path   string // a pattern of http.ServeMux without method
	Policy Policy
	Handle http.HandlerFunc
	Body   int64 // bytes that a body may have; 0 = maxBody, and none for a GET
}

const (
	maxBody     = 16 << 10  // bytes: a form of a few fields
	maxBodyFile = 400 << 10 // bytes: a configuration file, each of whose bytes a form may write as three, twice
)

// Role is what a visitor may do.
type Role int

// The roles.
const (
	Nobody     Role = iota
	ViewerRole      // reads what is not for everyone
	AdminRole       // may do all there is
)

// Visitor is who asks.
type Visitor struct {
	Name string // of the account; "" = nobody is signed in
	Role Role
}

type visitorKey struct{}

func withVisitor(r *http.Request, v Visitor) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), visitorKey{}, v))
}

// VisitorOf returns who sent a request that a route answers.
func VisitorOf(r *http.Request) Visitor {
	v, _ := r.Context().Value(visitorKey{}).(Visitor)
	return v
}

// table is all routes by path and method.
type table struct {
	server *Server
	mux    *http.ServeMux
	paths  map[string]map[string]Route
}

// newTable makes the table; a route that says too little is a mistake of ours and stops the program.
func newTable(s *Server, routes []Route) *table {
	t := &table{server: s, mux: http.NewServeMux(), paths: map[string]map[string]Route{}}
	for _, r := range routes {
		if err := r.check(); err != nil {
			panic(err)
		}
		if t.paths[r.Path] == nil {
			t.paths[r.Path] = map[string]Route{}
			t.mux.HandleFunc(r.Path, func(w http.ResponseWriter, q *http.Request) { t.answer(w, q, t.paths[r.Path]) })
		}
		if _, twice := t.paths[r.Path][r.Method]; twice {
			panic(fmt.Errorf("web: route %s %s is given twice", r.Method, r.Path))
		}
		t.paths[r.Path][r.Method] = r
	}
	return t
}

// check returns what is wrong with a route.
func (r Route) check() error {
	reads := r.Method == http.MethodGet
	switch {
	case r.Policy < Public || r.Policy > Admin:
		return fmt.Errorf("web: route %s %s has no policy", r.Method, r.Path)
	case !reads && r.Method != http.MethodPost:
		return fmt.Errorf("web: route %s %s: neither GET nor POST", r.Method, r.Path)
	case r.Policy == Public && !reads:
		return fmt.Errorf("web: route %s %s changes something for everyone", r.Method, r.Path)
	case r.Handle == nil || !strings.HasPrefix(r.Path, "/"):
		return fmt.Errorf("web: route %s %s is incomplete", r.Method, r.Path)
	}
	return nil
}

func (t *table) ServeHTTP(w http.ResponseWriter, r *http.Request) { t.mux.ServeHTTP(w, r) }

// answer answers by the route of the request's method, if its sender may ask it.
func (t *table) answer(w http.ResponseWriter, r *http.Request, methods map[string]Route) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	route, ok := methods[method]
	if !ok {
		w.Header().Set("Allow", allowed(methods))
		refuse(w, "this address answers "+allowed(methods), http.StatusMethodNotAllowed)
		return
	}
	if method == http.MethodGet && r.ContentLength != 0 {
		refuse(w, "a request with a body is not read", http.StatusRequestEntityTooLarge)
		return
	}
	if most := max(route.Body, maxBody); r.ContentLength > most {
		refuse(w, fmt.Sprintf("more than %d bytes are not read here", most), http.StatusRequestEntityTooLarge)
		return
	} else if method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, most)
	}
	t.server.admit(w, r, route)
}

// allowed lists the methods of a path.
func allowed(methods map[string]Route) string {
	var names []string
	for name := range methods {
		names = append(names, name)
		if name == http.MethodGet {
			names = append(names, http.MethodHead)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// admit calls the route's handler if the policy allows it.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, route Route) {
	if route.Policy != Public && r.TLS == nil {
		s.refuseInsecure(w, r)
		return
	}
	var v Visitor
	if r.TLS != nil {
		v = s.identify(w, r)
	}
	r = withVisitor(r, v)
	switch {
	case route.Policy == Viewer && v.Role < ViewerRole, route.Policy == Admin && v.Role == Nobody:
		s.askWho(w, r)
	case route.Policy == Admin && v.Role < AdminRole:
		s.turnAway(w, r, http.StatusForbidden, "door.admin-only", "")
	default:
		route.Handle(w, r)
	}
}

// refuseInsecure answers what -http does not do, and says where it is done. It never redirects: a reader that follows
// would give his certificate warning or his password to whoever answered in the unit's place.
func (s *Server) refuseInsecure(w http.ResponseWriter, r *http.Request) {
	address := s.secureURL(r)
	if address == "" {
		s.turnAway(w, r, http.StatusForbidden, "door.nowhere", "")
		return
	}
	s.turnAway(w, r, http.StatusForbidden, "door.insecure", address)
}

// secureURL returns what r asked for as it is asked for on -https; "" where there is none.
func (s *Server) secureURL(r *http.Request) string {
	port := s.config.SecurePort
	if port == 0 {
		return ""
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	switch {
	case port != 443:
		host = net.JoinHostPort(host, fmt.Sprint(port))
	case strings.Contains(host, ":"):
		host = "[" + host + "]"
	}
	return "https://" + host + r.URL.EscapedPath()
}
