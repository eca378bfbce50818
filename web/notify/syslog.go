package notify

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"timeball/web/api"
)

// syslog sends RFC 5424 messages.
type syslog struct {
	network, address string
	unit             Unit
	pid              int
}

func newSyslog(target string, unit Unit) *syslog {
	network, address, _ := strings.Cut(target, "://")
	return &syslog{network, address, unit, os.Getpid()}
}

// Facility and severities of RFC 5424, 6.2.1.
const (
	facilityDaemon = 3

	critical      = 2
	warning       = 4
	notice        = 5
	informational = 6
)

func syslogSeverity(m Message) int {
	switch {
	case m.Ended:
		return informational
	case m.Event.Severity == api.SeverityAlarm:
		return critical
	case m.Event.Severity == api.SeverityWarning:
		return warning
	}
	return notice
}

// format returns one message. The text is UTF-8 and says so by its byte order mark (RFC 5424, 6.4).
func (s *syslog) format(m Message) string {
	at := "-"
	if m.Unix != nil {
		at = time.Unix(*m.Unix, 0).UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("<%d>1 %s %s timeball %d %s [origin software=\"timeball\" swVersion=%s] \ufeff%s: %s (%s, event %d)",
		facilityDaemon*8+syslogSeverity(m), at, word(s.unit.Name, 255), s.pid, word(m.Event.Name, 32), parameter(s.unit.Version, 32),
		m.Event.Severity, plain(m.Text), m.state(), m.Event.ID)
}

// word returns text as a field of the header: printable ASCII without spaces.
func word(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, text)
	if text == "" {
		return "-"
	}
	return text[:min(len(text), most)]
}

// parameter returns text as a quoted value of structured data.
func parameter(text string, most int) string {
	text = word(text, most)
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`).Replace(text) + `"`
}

// plain keeps a message on one line, whatever a receiver said.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}

// send sends one message: a datagram, or a connection with an octet count (RFC 6587, 3.4.1).
func (s *syslog) send(ctx context.Context, m Message) error {
	conn, err := new(net.Dialer).DialContext(ctx, s.network, s.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if due, ok := ctx.Deadline(); ok {
		conn.SetDeadline(due)
	}
	text := s.format(m)
	if s.network == "tcp" {
		text = strconv.Itoa(len(text)) + " " + text
	}
	_, err = conn.Write([]byte(text))
	return err
}
