package boot

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"timeball/image/screen"
	"timeball/web/api"
)

// serialConsole opens the kernel's console that is not the monitor's, or returns nil. The receiver's line is never a console
// of the kernel's: the image's command line names the monitor alone.
func serialConsole() *os.File {
	text, err := os.ReadFile("/sys/class/tty/console/active")
	if err != nil {
		return nil
	}
	for _, name := range strings.Fields(string(text)) {
		if isMonitor(name) {
			continue
		}
		if f, err := os.OpenFile("/dev/"+name, os.O_WRONLY, 0); err == nil {
			return f
		}
	}
	return nil
}

// isMonitor reports whether a console is the monitor's: tty0, tty1, ...
func isMonitor(name string) bool {
	digits, ok := strings.CutPrefix(name, "tty")
	return ok && digits != "" && strings.Trim(digits, "0123456789") == ""
}

// show keeps the monitor up to date, and writes the same to the serial console, until ctx is done.
func (b *boot) show(ctx context.Context) {
	monitor, err := os.OpenFile("/dev/tty1", os.O_WRONLY, 0)
	if err != nil {
		b.log.Info("no monitor", "error", err)
	} else {
		defer monitor.Close()
	}
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	var shown string
	for {
		if text := screen.Text(b.screen(ctx)); text != shown {
			shown = text
			if monitor != nil {
				// Home and clear, the text, no cursor.
				_, _ = monitor.WriteString("\x1b[H\x1b[2J\x1b[3J" + text + "\x1b[?25l")
			}
			if b.console != nil {
				_, _ = b.console.Write([]byte("\n" + text + "\n"))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-b.report.changed:
		case <-tick.C:
		}
	}
}

// screen collects what is shown.
func (b *boot) screen(ctx context.Context) screen.State {
	r := b.report.get()
	s := screen.State{Version: b.marker.Version, Slot: b.slot, Name: r.Hostname, Network: r.Sentence(), Notices: r.Notices}
	s.Links = links(r.Addresses, r.MDNS, b.config.Load().Web.HTTP)
	s.Claim, s.Fingerprint = b.door()
	s.Verdict = b.verdict(ctx)
	return s
}

// page returns where the page listens: a host, "" = on every address, and a port.
func page(listen string) (host, port string) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", ""
	}
	if a, err := netip.ParseAddr(host); err == nil && a.IsUnspecified() {
		host = ""
	}
	return host, port
}

// links returns the addresses of the page: the name first, of IPv6's none of the link only.
func links(addresses []netip.Prefix, mdns, listen string) []string {
	host, port := page(listen)
	link := func(host string) string {
		if port != "80" && port != "" {
			return "http://" + net.JoinHostPort(host, port) + "/"
		}
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return "http://" + host + "/"
	}
	if host != "" {
		return []string{link(host)}
	}
	var found []string
	if len(addresses) > 0 && mdns != "" {
		found = append(found, link(mdns))
	}
	for _, p := range addresses {
		if p.Addr().Is4() || !p.Addr().IsLinkLocalUnicast() { // a browser asks for no IPv6 address of the link
			found = append(found, link(p.Addr().String()))
		}
	}
	return found
}

// verdict asks the page how the time is, in a few words.
func (b *boot) verdict(ctx context.Context) string {
	host, port := page(b.config.Load().Web.HTTP)
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	url := "http://" + net.JoinHostPort(cmp.Or(host, "127.0.0.1"), port) + "/api/v1/status"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return ""
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "the page does not answer yet"
	}
	defer answer.Body.Close()
	var status api.Status
	if err := json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&status); err != nil {
		return "the page's answer is not understood"
	}
	return inWords(status)
}

// inWords returns mode and reason, without figures that change every second.
func inWords(s api.Status) string {
	if s.Reason == "" {
		return s.Mode
	}
	return s.Mode + ": " + s.Reason
}
