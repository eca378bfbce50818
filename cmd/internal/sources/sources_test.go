package sources

import (
	"net"
	"strings"
	"testing"
	"time"

	"timeball/pps/clock"
	"timeball/server/control"
	"timeball/server/ntp"
)

var now = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

// answering serves a state on loopback and returns its address.
func answering(t *testing.T, s *control.State) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		for b := make([]byte, 1024); ; {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			for _, p := range control.Answer(b[:n], s) {
				_, _ = conn.WriteTo(p, from)
			}
		}
	}()
	return conn.LocalAddr().String()
}

func TestRunWritesNtpqsColumns(t *testing.T) {
	heard := ntp.TimestampAt(clock.Real(now.UnixNano() - 3_400_000_000))
	unit := answering(t, &control.State{Sources: []control.Source{
		{ID: 1, Name: "PPS(0)", ReferenceID: "PPS", Selection: control.Pulse, Reach: 0xfe, Heard: heard, Offset: -2.5e-6, Jitter: 310e-9},
		{ID: 2, Name: "a receiver\x1b[2J of many words", ReferenceID: "GNSS", Selection: control.Followed, Reach: 0x7f},
		{ID: 3, Name: "NTP", ReferenceID: "INIT"},
	}})
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	closed := silent.LocalAddr().String()
	silent.Close()
	var out strings.Builder
	if err := Run(t.Context(), &out, now, closed, unit); err != nil {
		t.Fatal(err)
	}
	want := `     remote           refid      st t when poll reach   delay   offset   jitter
===============================================================================
oPPS(0)          .PPS.            0 l    3    1  376   0.0000  -0.0025   0.0003
*a receiver_[2J  .GNSS.           0 l    -    1  177   0.0000   0.0000   0.0000
 NTP             .INIT.           0 l    -    1    0   0.0000   0.0000   0.0000
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	if err := Run(t.Context(), &out, now, closed); err == nil || !strings.Contains(err.Error(), "nobody serves NTP there") {
		t.Errorf("closed: %v", err)
	}
}
