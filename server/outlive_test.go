package server

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"timeball/server/ntp"
)

// One process opens the sockets, others answer on them, one after the other; what comes in between waits.
func TestSocketsOutliveTheServerThatTakesThem(t *testing.T) {
	owner := listen(t)
	sockets, err := Open(open("127.0.0.1:0"), 1, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer sockets[0].Close()
	conn := dial(t, sockets[0].Address)
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	for turn := range 3 {
		request := make([]byte, ntp.HeaderLen)
		request[0], request[47] = 4<<3|ntp.ModeClient, byte(turn+1)
		send(t, conn, request) // nobody serves
		fd, err := unix.FcntlInt(uintptr(sockets[0].FD), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		heir := New(owner.cfg, owner.clock, &owner.ref, slog.New(slog.DiscardHandler))
		if err := heir.Take([]Socket{{FD: fd}}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- heir.Serve(ctx) }()
		answer := make([]byte, 100)
		n, err := conn.Read(answer)
		if err != nil || n != ntp.HeaderLen || answer[31] != byte(turn+1) || answer[1] != 1 {
			t.Errorf("turn %d: answer %x, %v", turn, answer[:n], err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
