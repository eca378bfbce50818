// Package web serves a unit's local page, its API and its metrics over HTTP.
//
// It sees the unit only through Unit: snapshots one way, a closed list of commands the other. The page is complete
// without scripts and loads nothing from elsewhere; the formats are those of web/api, web/page and web/metrics. What it
// answers is one table of routes, each with the policy that says who may ask it and where: over plain HTTP nothing changes.
//
// Whoever asks may be slow, hostile or a web page of someone else: names that are not the unit's are refused (421), so is
// what a page of another site sends (403), methods a route does not have (405), long bodies (413) and streams beyond a
// bound (503); every read and write has a time
// limit, and one address has a bounded number of connections. An error on one page is that page's alone.
package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"timeball/web/api"
	"timeball/web/audit"
	"timeball/web/auth"
	"timeball/web/notify"
)

// Unit is what this package shows. Its methods are called from many goroutines; all but Do return at once.
type Unit interface {
	// Status returns the newest snapshot.
	Status() api.Status
	// Now returns the interval that contains UTC at the moment of the call, in nanoseconds of the Unix scale, and the mode.
	// Both ends are nil while there is no bound.
	Now() (earliest, latest *int64, mode string)
	// Clients returns who has asked for the time.
	Clients() api.Clients
	// Faults returns what can be made to go wrong, nil on a real board.
	Faults() *api.Faults
	// Do carries out a command, or begins to: the result says so. It may take until ctx ends. An error means that the unit
	// was not reached; what it refuses is a result with its reason.
	Do(ctx context.Context, c api.Command) (api.Result, error)
}

// Config is how the page is reached.
type Config struct {
	Address string   // host:port to listen on
	Name    string   // of the unit: the host name
	Names   []string // further names it is asked for by; address literals and localhost always count
	// Hostname returns the machine's name at this moment, which DHCP may have changed, or ""; nil: it stays Name. The page is
	// then asked for by this name, alone or with .local (RFC 6762), as well.
	Hostname func() string
	// SecurePort is the port of -https, to be named where -http is not enough; 0: there is none.
	SecurePort int
	// Certificate is shown on -https; nil: nothing can be served there.
	Certificate *tls.Certificate
	// Door and Audit are who may do what, and the record of it. They outlive the server. nil: new ones, in memory.
	Door  *auth.Door
	Audit *audit.Log
	Store Store         // what is kept over a restart; nil: nothing
	Alarm notify.Config // who is told of events
	// For a support bundle: the configuration as it runs, as TOML; the newest lines of the log, nil: there are none; and the
	// file that -record writes, "": none.
	Configuration string
	LogTail       func() []byte
	Recording     string
	Log           *slog.Logger // nil is silent
}

// The limits. A unit's page is asked by a few people and a few collectors.
const (
	headerTimeout  = 5 * time.Second
	answerTimeout  = 15 * time.Second // for reading a request and, from its end, for writing the answer
	idleTimeout    = 30 * time.Second
	eventTimeout   = 5 * time.Second // for writing one event: a slower viewer is dropped
	stopTimeout    = 2 * time.Second
	maxHeader      = 8 << 10 // bytes
	maxStreams     = 64
	maxConnections = 256
	maxPerAddress  = 64 // connections: fifty viewers behind one gateway
)

// Server serves one unit. It is an http.Handler; Serve gives it an address.
type Server struct {
	config   Config
	unit     Unit
	extra    []func(io.Writer)
	handler  http.Handler
	assets   *assets
	streams  chan struct{} // a place for each stream
	past     *past
	heavy    chan struct{} // a place for each answer that takes long
	bundling sync.Mutex
	happened *happenings
	table    []Route
	door     *auth.Door
	audit    *audit.Log
	live     *live
	tried    atomic.Bool // a change of the configuration may be on its way
	watched  sources
	naming   naming
	// identify finds out who sent a request over TLS.
	identify func(http.ResponseWriter, *http.Request) Visitor
	log      *slog.Logger
}

// New returns a server for unit. Each of extra adds its own metrics to /metrics in the text format of Prometheus.
func New(config Config, unit Unit, extra ...func(io.Writer)) *Server {
	s := &Server{config: config, unit: unit, extra: extra, assets: newAssets(), streams: make(chan struct{}, maxStreams), heavy: make(chan struct{}, maxHeavy), past: newPast(config.Store), log: config.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.happened = newHappenings(s)
	s.door, s.audit, s.identify = config.Door, config.Audit, s.known
	if s.door == nil {
		s.door, _ = auth.Open(auth.Config{}) // in memory nothing can fail
	}
	if s.audit == nil {
		s.audit, _ = audit.Open("")
	}
	s.live = newLive(s)
	s.tried.Store(true) // nobody knows yet
	s.table = s.routes()
	s.handler = newGuard(append([]string{config.Name}, config.Names...), config.Hostname, newTable(s, s.table))
	return s
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Serve listens on the configured address and answers until ctx ends; then it ends the streams, lets other answers finish
// for a moment and returns nil.
func (s *Server) Serve(ctx context.Context) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.config.Address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("web: listen on %s: another program has this address (-http gives another): %w", s.config.Address, err)
	}
	if err != nil {
		return fmt.Errorf("web: listen on %s: %w", s.config.Address, err)
	}
	return s.ServeListener(ctx, l)
}

// ServeListener is Serve on a listener that is already open; it closes it.
func (s *Server) ServeListener(ctx context.Context, l net.Listener) error {
	return s.ServeListeners(ctx, l, nil)
}

// ServeListeners is Serve on listeners that are already open, one for -http and one for -https, each nil where there is
// none; it closes them. The limits hold for both together.
func (s *Server) ServeListeners(ctx context.Context, plain, secure net.Listener) error {
	alive, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	h := s.newHTTP(alive)
	shared := newPlaces(maxConnections, maxPerAddress)
	ended, serving := make(chan error, 2), 0
	begin := func(l net.Listener, what string, serve func(net.Listener) error) {
		if l == nil {
			return
		}
		serving++
		s.log.Info("page served", "address", l.Addr().String(), "over", what)
		go func() {
			if err := serve(&bounded{l, shared}); !errors.Is(err, http.ErrServerClosed) {
				ended <- fmt.Errorf("web: serve on %s: %w", l.Addr(), err)
				return
			}
			ended <- nil
		}()
	}
	begin(plain, "http", h.Serve)
	begin(secure, "https", func(l net.Listener) error { return h.ServeTLS(l, "", "") })
	var failed error
	select {
	case failed = <-ended:
		serving--
	case <-ctx.Done():
	}
	stop() // ends the streams
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if h.Shutdown(patience) != nil {
		h.Close() // who has not read its answer by now never will
	}
	for range serving {
		<-ended
	}
	return failed
}

// newHTTP returns what serves both listeners; requests end when alive does.
func (s *Server) newHTTP(alive context.Context) *http.Server {
	h := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       answerTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return alive },
		Protocols:         new(http.Protocols), // of HTTP/2 one connection would be as many requests as it likes
	}
	h.Protocols.SetHTTP1(true)
	if s.config.Certificate != nil {
		h.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*s.config.Certificate}, MinVersion: tls.VersionTLS12}
	}
	return h
}
