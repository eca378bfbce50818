package web

import (
	"crypto/tls"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// policies is what every route may be asked by whom. It is written here a second time on purpose: a route that is new has
// to be thought of twice.
var policies = map[string]Policy{
	"GET /login":                   Secure,
	"POST /login":                  Secure,
	"GET /claim":                   Secure,
	"POST /claim":                  Secure,
	"POST /logout":                 Viewer,
	"GET /account":                 Viewer,
	"POST /account/password":       Viewer,
	"POST /account/unit":           Admin,
	"POST /account/viewers":        Admin,
	"POST /account/viewers/remove": Admin,
	"POST /account/tokens":         Admin,
	"POST /account/tokens/remove":  Admin,
	"GET /settings":                Viewer,
	"POST /settings":               Admin,
	"POST /settings/file":          Admin,
	"POST /settings/apply":         Admin,
	"POST /settings/confirm":       Admin,
	"POST /settings/revert":        Admin,
	"POST /settings/restart":       Admin,
	"GET /api/v1/config":           Admin,
	"POST /api/v1/command":         Admin,
	"GET /audit":                   Admin,
	"GET /api/v1/audit":            Admin,
	"GET /{$}":                     Public,
	"GET /assets/":                 Public,
	"GET /api/v1/status":           Public,
	"GET /api/v1/stream":           Public,
	"GET /api/v1/now":              Public,
	"GET /metrics":                 Public,

	"GET /api/v1/clients": Public,
	"GET /api/v1/faults":  Public,
	"POST /api/v1/faults": Admin,

	"GET /api/v1/history":     Public,
	"GET /api/v1/history.csv": Public,

	"GET /api/v1/openapi.json": Public,

	"GET /api/v1/events":              Public,
	"POST /api/v1/events/acknowledge": Admin,
	"POST /api/v1/events/test":        Admin,
	"GET /api/v1/bundle":              Admin,
}

func TestEveryRouteHasThePolicyThatWasMeant(t *testing.T) {
	s, _ := newServer()
	got := map[string]Policy{}
	for _, r := range s.routes() {
		got[r.Method+" "+r.Path] = r.Policy
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if want, ok := policies[name]; !ok {
			t.Errorf("%s: %v, and the test's list has no policy for it", name, got[name])
		} else if got[name] != want {
			t.Errorf("%s: %v, want %v", name, got[name], want)
		}
	}
	for name := range policies {
		if _, ok := got[name]; !ok {
			t.Errorf("%s is no route", name)
		}
	}
}

// A route's handler is not called for those who may not ask it, whoever asks and wherever.
func TestEveryPolicyHoldsForEveryVisitor(t *testing.T) {
	visitors := []struct {
		name string
		tls  bool
		role Role
	}{
		{"over http", false, AdminRole}, {"nobody", true, Nobody}, {"a viewer", true, ViewerRole}, {"the admin", true, AdminRole},
	}
	want := map[Policy][]int{ // by visitor
		Public: {200, 200, 200, 200}, Secure: {403, 200, 200, 200}, Viewer: {403, 401, 200, 200}, Admin: {403, 401, 403, 200},
	}
	s, _ := newServer()
	s.config.SecurePort = 8443
	called := false
	var routes []Route
	for _, r := range s.routes() {
		r.Handle = func(http.ResponseWriter, *http.Request) { called = true }
		routes = append(routes, r)
	}
	for p := Public; p <= Admin; p++ { // also those that no route has now
		routes = append(routes, Route{Method: "GET", Path: "/of-the-test/" + p.String(), Policy: p, Handle: func(http.ResponseWriter, *http.Request) { called = true }})
	}
	handler := newTable(s, routes)
	for _, r := range routes {
		for i, v := range visitors {
			q := httptest.NewRequest(r.Method, strings.ReplaceAll(r.Path, "{$}", ""), nil)
			q.Host = "10.4.0.11:8080"
			if v.tls {
				q.TLS = &tls.ConnectionState{}
			}
			s.identify = func(http.ResponseWriter, *http.Request) Visitor { return Visitor{"someone", v.role} }
			called = false
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, q)
			if code := want[r.Policy][i]; w.Code != code || called != (code == 200) {
				t.Errorf("%s %s (%v), %s: %d, called %v, want %d", r.Method, r.Path, r.Policy, v.name, w.Code, called, code)
			}
			if w.Code == 403 && !v.tls && !strings.Contains(w.Body.String(), "https://10.4.0.11:8443"+strings.ReplaceAll(r.Path, "{$}", "")) {
				t.Errorf("%s %s over http does not say where it is: %s", r.Method, r.Path, w.Body)
			}
			if w.Header().Get("Location") != "" {
				t.Errorf("%s %s, %s: a redirect", r.Method, r.Path, v.name)
			}
		}
	}
}

func TestTableRefusesRoutesThatSayTooLittle(t *testing.T) {
	does := func(http.ResponseWriter, *http.Request) {}
	tests := map[string][]Route{
		"no policy":          {{Method: "GET", Path: "/x", Handle: does}},
		"a policy beyond":    {{Method: "GET", Path: "/x", Policy: Admin + 1, Handle: does}},
		"changes for all":    {{Method: "POST", Path: "/x", Policy: Public, Handle: does}},
		"no method":          {{Path: "/x", Policy: Public, Handle: does}},
		"an unusual method":  {{Method: "DELETE", Path: "/x", Policy: Admin, Handle: does}},
		"no handler":         {{Method: "GET", Path: "/x", Policy: Public}},
		"a method in a path": {{Method: "GET", Path: "GET /x", Policy: Public, Handle: does}},
		"twice":              {{Method: "GET", Path: "/x", Policy: Public, Handle: does}, {Method: "GET", Path: "/x", Policy: Admin, Handle: does}},
	}
	for name, routes := range tests {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: the table was made", name)
				}
			}()
			newTable(&Server{}, routes)
		}()
	}
}

// Nothing is answered past the table: only table.go gives paths to a ServeMux.
func TestRoutesAreRegisteredInTheTableOnly(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if path.Ext(f.Name()) != ".go" || strings.HasSuffix(f.Name(), "_test.go") || f.Name() == "table.go" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains([]string{"NewServeMux", "HandleFunc", "DefaultServeMux"}, s.Sel.Name) {
				t.Errorf("%s uses %s", f.Name(), s.Sel.Name)
			}
			return true
		})
	}
}

func TestSecureURLNamesTheUnitAsItWasAsked(t *testing.T) {
	tests := []struct {
		host string
		port int
		want string
	}{
		{"10.4.0.11", 443, "https://10.4.0.11/a%2Fb"},
		{"10.4.0.11:8080", 8443, "https://10.4.0.11:8443/a%2Fb"},
		{"[2001:db8::1]:80", 443, "https://[2001:db8::1]/a%2Fb"},
		{"[2001:db8::1]", 8443, "https://[2001:db8::1]:8443/a%2Fb"},
		{"tb-a", 443, "https://tb-a/a%2Fb"},
		{"tb-a", 0, ""},
	}
	for _, tt := range tests {
		s := &Server{config: Config{SecurePort: tt.port}}
		r := httptest.NewRequest("GET", "/a%2Fb?password=x", nil)
		r.Host = tt.host
		if got := s.secureURL(r); got != tt.want {
			t.Errorf("secureURL of %s with port %d = %q, want %q", tt.host, tt.port, got, tt.want)
		}
	}
}

func TestGuardRefusesWhatAnotherSiteSends(t *testing.T) {
	s, _ := newServer()
	tests := []struct {
		name, header, value string
		want                int
	}{
		{"a form of another site", "Sec-Fetch-Site", "cross-site", 403},
		{"a form of a neighbouring site", "Sec-Fetch-Site", "same-site", 403},
		{"an origin of another site", "Origin", "https://evil.example", 403},
		{"an origin that is hidden", "Origin", "null", 403},
		{"the same unit", "Sec-Fetch-Site", "same-origin", 405},
		{"no browser", "X", "", 405},
	}
	for _, tt := range tests {
		if w := ask(s, "POST", "/", func(r *http.Request) { r.Header.Set(tt.header, tt.value) }); w.Code != tt.want {
			t.Errorf("%s: %d, want %d: %s", tt.name, w.Code, tt.want, w.Body)
		}
	}
}
