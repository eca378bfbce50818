package web

import (
	"net"
	"sync"
)

// places are how many connections may be open, in all and from one address, at all listeners that share them.
type places struct {
	all, each int

	mu   sync.Mutex
	open map[string]int // connections by address
	sum  int
}

func newPlaces(all, each int) *places { return &places{all: all, each: each, open: map[string]int{}} }

// bounded is a listener whose connections have a place each. What comes on top is closed at once: waiting would let those
// who hold the places keep everybody else out.
type bounded struct {
	net.Listener
	*places
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

func (b *places) take(from string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sum >= b.all || b.open[from] >= b.each {
		return false
	}
	b.sum++
	b.open[from]++
	return true
}

func (b *places) give(from string) {
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
