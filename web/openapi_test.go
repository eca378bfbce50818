package web

import (
	"crypto/tls"
	"encoding/json"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"timeball/web/api"
	"timeball/web/openapi"
)

// described returns the served description, made strict: a field that it does not have is an error.
func described(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(openapi.Document)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range doc.Components.Schemas {
		if s.Value.Type.Is("object") && s.Value.AdditionalProperties.Schema == nil {
			s.Value.AdditionalProperties.Has = new(false)
		}
	}
	return doc
}

func TestEveryRouteOfTheAPIIsDescribed(t *testing.T) {
	doc := described(t)
	s, _ := newServer()
	routes := map[string]bool{}
	for _, r := range s.routes() {
		if !strings.HasPrefix(r.Path, "/api/") && r.Path != "/metrics" {
			continue // for people
		}
		routes[r.Method+" "+r.Path] = true
		item := doc.Paths.Value(r.Path)
		if item == nil || item.GetOperation(r.Method) == nil {
			t.Errorf("%s %s is not described in web/openapi/paths.json", r.Method, r.Path)
		}
	}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			if !routes[method+" "+path] {
				t.Errorf("%s %s is described and is no route", method, path)
			}
		}
	}
}

// fill sets all that a value has: pointers to something, one element in each list.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.String:
		v.SetString("x")
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint64:
		v.SetUint(1)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Bool:
		v.SetBool(true)
	}
}

// fullStatus is a status of which all is known.
func fullStatus() api.Status {
	var s api.Status
	fill(reflect.ValueOf(&s).Elem())
	s.Mode, s.Leap, s.LeapSeconds.Listed, s.Witnesses[0].State, s.Conditions[0].Severity = "locked", "insert", "insert", "agrees", "alarm"
	return s
}

func TestEveryAnswerIsAsDescribed(t *testing.T) {
	doc := described(t)
	empty := api.Status{Mode: "free-running", Leap: "unsynchronized", Stratum: 16, Conditions: []api.Condition{}}
	for name, status := range map[string]api.Status{"all is known": fullStatus(), "nothing is known": empty} {
		s, u := newServer()
		u.status = status
		for range 3 {
			now := u.Status()
			s.past.add(0, 0, &now)
			s.happened.look(0, &now)
		}
		tests := []struct {
			method, target string
			form           url.Values
			role           Role
			code           int
		}{
			{"GET", "/api/v1/status", nil, Nobody, 200},
			{"GET", "/api/v1/now", nil, Nobody, 200},
			{"GET", "/api/v1/history", nil, Nobody, 200},
			{"GET", "/api/v1/history?span=day&points=10", nil, Nobody, 200},
			{"GET", "/api/v1/history?format=csv", nil, Nobody, 200},
			{"GET", "/api/v1/history?span=week", nil, Nobody, 400},
			{"GET", "/api/v1/history.csv", nil, Nobody, 200},
			{"GET", "/api/v1/history.csv?points=-1", nil, Nobody, 400},
			{"GET", "/api/v1/clients", nil, Nobody, 200},
			{"GET", "/api/v1/faults", nil, Nobody, 404},
			{"POST", "/api/v1/faults", url.Values{"fault": {"drag"}, "by_seconds": {"x"}}, AdminRole, 400},
			{"POST", "/api/v1/faults", url.Values{"fault": {"drag"}}, Nobody, 401},
			{"GET", "/api/v1/events", nil, Nobody, 200},
			{"GET", "/api/v1/events?lang=zh", nil, AdminRole, 200},
			{"GET", "/api/v1/openapi.json", nil, Nobody, 200},
			{"GET", "/metrics", nil, Nobody, 200},
			{"GET", "/api/v1/audit", nil, AdminRole, 200},
			{"GET", "/api/v1/audit", nil, ViewerRole, 403},
			{"GET", "/api/v1/bundle", nil, AdminRole, 200},
			{"GET", "/api/v1/bundle", nil, Nobody, 401},
			{"POST", "/api/v1/events/acknowledge", url.Values{"id": {"99"}}, AdminRole, 409},
			{"POST", "/api/v1/events/acknowledge", url.Values{}, AdminRole, 400},
			{"POST", "/api/v1/events/acknowledge", url.Values{"id": {"99"}}, ViewerRole, 403},
			{"POST", "/api/v1/events/acknowledge", url.Values{"id": {"99"}}, Nobody, 401},
			{"POST", "/api/v1/events/test", url.Values{"channel": {"prometheus"}}, AdminRole, 200},
			{"POST", "/api/v1/events/test", url.Values{"channel": {"webhook"}}, AdminRole, 409},
		}
		for _, tt := range tests {
			s.identify = func(http.ResponseWriter, *http.Request) Visitor { return Visitor{"ops", tt.role} }
			r := httptest.NewRequest(tt.method, tt.target, strings.NewReader(tt.form.Encode()))
			r.Host, r.TLS = "127.0.0.1:8443", &tls.ConnectionState{}
			if tt.method == "GET" {
				r.Body, r.ContentLength = http.NoBody, 0
			} else {
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != tt.code {
				t.Errorf("%s: %s %s: %d, want %d: %.200s", name, tt.method, tt.target, w.Code, tt.code, w.Body)
				continue
			}
			if why := undescribed(doc, tt.method, r.URL.Path, w); why != "" {
				t.Errorf("%s: %s %s: %s", name, tt.method, tt.target, why)
			}
		}
	}
}

// undescribed says what of an answer is not as the description says; "" = nothing.
func undescribed(doc *openapi3.T, method, path string, w *httptest.ResponseRecorder) string {
	answer := doc.Paths.Value(path).GetOperation(method).Responses.Status(w.Code)
	if answer == nil {
		return "this code is not described"
	}
	kind, _, err := mime.ParseMediaType(w.Header().Get("Content-Type"))
	if err != nil {
		return err.Error()
	}
	content := answer.Value.Content.Get(kind)
	if content == nil {
		return kind + " is not described"
	}
	if kind != "application/json" {
		return ""
	}
	var value any
	if err := json.Unmarshal(w.Body.Bytes(), &value); err != nil {
		return err.Error()
	}
	if err := content.Schema.Value.VisitJSON(value, openapi3.MultiErrors()); err != nil {
		return err.Error()
	}
	return ""
}

func TestAnAnswerWithAnUnknownFieldIsNotAsDescribed(t *testing.T) {
	doc := described(t)
	for body, good := range map[string]bool{
		`{"state":1,"message":""}`: true, `{"state":1,"message":"","new":1}`: false, `{"state":"1","message":""}`: false, `{"state":1}`: false, `{"state":1,"message":null}`: false,
	} {
		w := httptest.NewRecorder()
		w.Header().Set("Content-Type", "application/json")
		w.WriteString(body)
		if why := undescribed(doc, "POST", "/api/v1/events/acknowledge", w); (why == "") != good {
			t.Errorf("%s: %q", body, why)
		}
	}
}
