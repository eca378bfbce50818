// Package sources shows where a unit has its time from, in the columns of ntpq -p: it asks with mode 6 of NTP, as ntpq does.
//
// The first column is the selection: o the pulse that is followed, * who numbers its seconds. Delay, offset and jitter are
// milliseconds, when and poll seconds, reach the last eight seconds in octal.
package sources

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"timeball/pps/clock"
	"timeball/server/control"
	"timeball/server/ntp"
)

// Usual are the addresses that a unit on this machine serves, a board and a simulated one.
var Usual = []string{"127.0.0.1:123", "127.0.0.1:11123"}

// patience is how long an answer may take.
const patience = 2 * time.Second

// Run writes the sources of the unit at the first of addresses that answers. now is when it is asked.
func Run(ctx context.Context, out io.Writer, now time.Time, addresses ...string) error {
	var failed error
	for _, address := range addresses {
		rows, err := ask(ctx, address)
		if err == nil {
			return write(out, rows, now)
		}
		failed = errors.Join(failed, fmt.Errorf("ask %s for its sources: %w", address, plain(err)))
	}
	return failed
}

// plain says in plain words what the usual errors mean.
func plain(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errors.New("no answer (a unit answers this machine, and others with an entry in server.access)")
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("nobody serves NTP there")
	}
	return err
}

// ask asks one unit.
func ask(ctx context.Context, address string) ([]control.Row, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return control.Ask(func(request []byte, take func([]byte) bool) error {
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		if _, err := conn.Write(request); err != nil {
			return err
		}
		for b := make([]byte, 4096); ; {
			n, err := conn.Read(b)
			if err != nil || take(b[:n]) {
				return err
			}
		}
	})
}

// write writes the table.
func write(out io.Writer, rows []control.Row, now time.Time) error {
	text := "     remote           refid      st t when poll reach   delay   offset   jitter\n" + strings.Repeat("=", 79) + "\n"
	for _, r := range rows {
		text += line(r, now)
	}
	_, err := io.WriteString(out, text)
	return err
}

// line writes one source.
func line(r control.Row, now time.Time) string {
	const tally = " x.-+#*o"
	v := r.Variables
	reach, _ := strconv.ParseUint(v["reach"], 0, 8)
	poll, _ := strconv.Atoi(v["hpoll"])
	number := func(name string) float64 { f, _ := strconv.ParseFloat(v[name], 64); return f }
	return fmt.Sprintf("%c%-15.15s %-15.15s %2.2s l %4s %4d  %3o %8.4f %8.4f %8.4f\n", tally[r.Selection&7], printable(v["srchost"]),
		"."+printable(v["refid"])+".", printable(v["stratum"]), when(v["rec"], now), 1<<min(max(poll, 0), 17), reach, number("delay"), number("offset"), number("jitter"))
}

// when returns the seconds since a timestamp as it is on the wire, "-" for never.
func when(stamp string, now time.Time) string {
	high, low, _ := strings.Cut(strings.TrimPrefix(stamp, "0x"), ".")
	seconds, err := strconv.ParseUint(high, 16, 32)
	fraction, err2 := strconv.ParseUint(low, 16, 32)
	if err != nil || err2 != nil || seconds == 0 {
		return "-"
	}
	real := clock.Real(now.UnixNano())
	return strconv.Itoa(int(max(0, real-ntp.Timestamp(seconds<<32|fraction).Real(real)) / 1e9))
}

// printable replaces what could move a terminal's cursor.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
}
