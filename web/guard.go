package web

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// policy allows what the page is made of and nothing else: no script or style inside the HTML, nothing from elsewhere,
// no frame around it, and its forms go to this unit alone.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// guard refuses what no honest viewer of this unit sends and puts the security headers on every answer.
type guard struct {
	names   map[string]bool
	own     func() string // the machine's name at this moment; nil: it is in names
	next    http.Handler
	foreign *http.CrossOriginProtection // refuses what a page of another site makes a browser send
}

func newGuard(names []string, own func() string, next http.Handler) *guard {
	g := &guard{names: map[string]bool{"localhost": true}, own: own, next: next, foreign: http.NewCrossOriginProtection()}
	for _, name := range names {
		if name != "" {
			g.names[plainName(name)] = true
		}
	}
	return g
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	switch {
	case !g.knows(r.Host):
		text := fmt.Sprintf("this unit does not answer to the name %.80q: use its address, or add the name to its configuration", r.Host)
		http.Error(w, text, http.StatusMisdirectedRequest)
	case g.foreign.Check(r) != nil:
		refuse(w, "this came from a page of another site: nothing was changed", http.StatusForbidden)
	default:
		g.next.ServeHTTP(w, r)
	}
}

// refuse answers and gives the connection up, so that no body is read.
func refuse(w http.ResponseWriter, text string, code int) {
	w.Header().Set("Connection", "close")
	http.Error(w, text, code)
}

// knows reports whether host names this unit. A page of someone else whose name is made to point here (DNS rebinding) asks
// by that name; an address literal can not be made to point anywhere.
func (g *guard) knows(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	host = plainName(host)
	if g.names[host] || g.own == nil {
		return g.names[host]
	}
	own := plainName(g.own())
	return own != "" && (host == own || host == own+".local")
}

// plainName folds what DNS does not tell apart.
func plainName(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }
