package server

import (
	"log/slog"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// duplicate gives a descriptor as it comes to another process: with another number, and nothing else known of it.
func duplicate(t *testing.T, s Socket) Socket {
	t.Helper()
	fd, err := unix.FcntlInt(uintptr(s.FD), unix.F_DUPFD_CLOEXEC, 100)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return Socket{FD: fd}
}

// Sockets that another opened are served as if they were the server's own: addresses, kernel stamps, interleaved mode.
func TestTakeServesSocketsThatAnotherOpened(t *testing.T) {
	u := listen(t)
	sockets, err := Open(open("127.0.0.1:0", "[::1]:0", ":0"), 2, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if len(sockets) != 8 {
		t.Fatalf("%d sockets, want 2 for each of 4 addresses", len(sockets))
	}
	want := sockets[0].Address
	for i := range sockets {
		sockets[i] = duplicate(t, sockets[i])
	}
	if err := u.Take(sockets); err != nil {
		t.Fatal(err)
	}
	if got := u.Addrs(); len(got) != 4 || got[0] != want {
		t.Fatalf("addresses %v, the first was %v", got, want)
	}
	u.serve(t)
	for _, addr := range u.Addrs()[:2] {
		c := &interleavedClient{conn: dial(t, addr)}
		for k := range 4 {
			p, interleaved := c.ask(t)
			if interleaved != (k >= 2) || p.Stratum != 1 {
				t.Errorf("%v: answer %d: interleaved %v, %+v", addr, k+1, interleaved, p)
			}
			if k > 0 {
				u.awaitStamp(t, c.conn, p.Receive)
			}
		}
	}
	if s := u.final(t); s.Answered != 8 || s.Unstamped != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestTakeRefusesWhatIsNoSocketOfNTP(t *testing.T) {
	raw := func(kind, protocol int) int {
		fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, protocol)
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	for _, tt := range []struct {
		name, want string
		sockets    []Socket
	}{
		{"none", "no sockets", nil},
		{"no descriptor", "bad file descriptor", []Socket{{FD: 1 << 20}}},
		{"TCP", "protocol 6 is not UDP", []Socket{{FD: raw(unix.SOCK_STREAM, unix.IPPROTO_TCP)}}},
		{"not bound", "not bound to an address", []Socket{{FD: raw(unix.SOCK_DGRAM, unix.IPPROTO_UDP)}}},
	} {
		s := New(open("127.0.0.1:0"), &hostClock{}, nil, slog.New(slog.DiscardHandler))
		if err := s.Take(tt.sockets); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
		for _, o := range tt.sockets {
			if _, err := unix.FcntlInt(uintptr(o.FD), unix.F_GETFD, 0); err == nil {
				t.Errorf("%s: the socket was not closed", tt.name)
			}
		}
	}
}
