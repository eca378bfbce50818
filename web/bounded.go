package web

import (
	"net"
	"sync"
)

// bounded is a listener with at most so many open connections, in all and from one address. What comes on top is closed at
// once: waiting would let those who hold the places keep everybody else out.
type bounded struct {
	net.Listener
	all, each int

	mu   sync.Mutex
	open map[string]int // connections by address
	sum  int
}

func newBounded(l net.Listener, all, each int) *bounded {
	return &bounded{Listener: l, all: all, each: each, open: map[string]int{}}
}

// Accept returns the next connection that has a place.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		conn, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := address(conn)
		if b.take(from) {
			return &counted{Conn: conn, release: sync.OnceFunc(func() { b.give(from) })}, nil
		}
		conn.Close()
	}
}

func (b *bounded) take(from string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sum >= b.all || b.open[from] >= b.each {
		return false
	}
	b.sum++
	b.open[from]++
	return true
}

func (b *bounded) give(from string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sum--
	if b.open[from]--; b.open[from] == 0 {
		delete(b.open, from)
	}
}

// counted gives its place back when it is closed.
type counted struct {
	net.Conn
	release func()
}

// Close closes the connection.
func (c *counted) Close() error {
	defer c.release()
	return c.Conn.Close()
}

func address(conn net.Conn) string {
	host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		return conn.RemoteAddr().String()
	}
	return host
}
