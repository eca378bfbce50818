package peers

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/beevik/ntp"
)

// ServeChronyd runs chronyd as a server of this machine's clock on loopback until the test ends, and returns its address
// when it answers. It says stratum 10 and cannot set the clock. directives are added to its configuration.
func ServeChronyd(t testing.TB, directives ...string) netip.AddrPort {
	t.Helper()
	free, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	addr := free.LocalAddr().(*net.UDPAddr).AddrPort()
	free.Close()
	path := filepath.Join(root(t), ".cache", "clients", "bin", "chronyd")
	if _, err := os.Stat(path); err != nil {
		t.Skip("chronyd is not in .cache/clients: run make deps")
	}
	args := []string{
		"-d", "-x", "-f", os.DevNull, "-u", "root", fmt.Sprintf("port %d", addr.Port()), "bindaddress 127.0.0.1", "allow 127.0.0.1",
		"local stratum 10", "cmdport 0", "bindcmdaddress /", "pidfile " + filepath.Join(t.TempDir(), "pid"),
	}
	cmd := exec.Command(path, append(args, directives...)...)
	log := &limited{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		<-ended
	})
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if _, err := ntp.QueryWithOptions(addr.String(), ntp.QueryOptions{Timeout: 100 * time.Millisecond}); err == nil {
			return addr
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("chronyd %q: %v:\n%s", args, err, log.text)
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Fatal("chronyd does not answer")
	return netip.AddrPort{}
}

// limited keeps the beginning of what a program prints.
type limited struct{ text []byte }

func (l *limited) Write(p []byte) (int, error) {
	if len(l.text) < 10_000 {
		l.text = append(l.text, p...)
	}
	return len(p), nil
}
