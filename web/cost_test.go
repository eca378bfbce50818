package web

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"timeball/web/api"
)

const (
	viewers = 50
	// maxShare is what they may cost, in cores: 2 % of one.
	maxShare = 0.02

	costEnv = "TIMEBALL_COST_OF_VIEWERS"
)

// TestMain lets the test's own binary be the server whose cost is measured, so that the viewers' is not.
func TestMain(m *testing.M) {
	if os.Getenv(costEnv) == "" {
		os.Exit(m.Run())
	}
	if err := serveForCost(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// busyUnit is a unit of which everything is known and much changes every second.
type busyUnit struct{ fakeUnit }

func (u *busyUnit) Status() api.Status {
	s := fullStatus()
	now := time.Now().UnixNano()
	wave := math.Sin(float64(now) / 1e9)
	s.ServedUnixNanoseconds, s.Stratum, s.Reason = &now, 1, ""
	for v, scale := range map[*float64]float64{s.OffsetSeconds: 90e-9, s.PrecisionSeconds: 60e-9, s.BoundSeconds: 2e-6, s.FrequencyRatio: -7e-6, s.TemperatureCelsius: 47} {
		*v = scale * (2 + wave)
	}
	s.Satellites, s.Conditions = nil, nil
	for i := range 30 {
		s.Satellites = append(s.Satellites, api.Satellite{System: "GPS", ID: i + 1, ElevationDegrees: new(3 * i), AzimuthDegrees: new(12 * i), CN0DBHz: new(40 + wave), Used: i%2 == 0})
	}
	return s
}

// serveForCost serves a busy unit until its input ends, and writes its address, and after each line of input the processor
// time it has taken.
func serveForCost() error {
	s := New(Config{Name: "tb-a"}, &busyUnit{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go s.ServeListener(ctx, l)
	go s.Watch(ctx)
	fmt.Println(l.Addr())
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			return err
		}
		fmt.Println(u.Utime.Nano() + u.Stime.Nano())
	}
	return in.Err()
}

// costly is the server in a process of its own.
type costly struct {
	address string
	in      io.Writer
	out     *bufio.Reader
}

func startCostly(t *testing.T) *costly {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), costEnv+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	c := &costly{in: in, out: bufio.NewReader(out)}
	c.address = c.line(t)
	return c
}

func (c *costly) line(t *testing.T) string {
	t.Helper()
	line, err := c.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// spent returns the processor time the server has taken.
func (c *costly) spent(t *testing.T) time.Duration {
	t.Helper()
	fmt.Fprintln(c.in)
	n, err := strconv.ParseInt(c.line(t), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(n)
}

// TestFiftyViewersCostLittle lets 50 viewers follow the page, in both languages, and measures the server's processor time.
func TestFiftyViewersCostLittle(t *testing.T) {
	c := startCostly(t)
	var events atomic.Int64
	for i := range viewers {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i))}} // one address has fewer places
		client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableCompression: true}}
		defer client.CloseIdleConnections()
		answer, err := client.Get(fmt.Sprintf("http://%s/api/v1/stream?page&lang=%s", c.address, []string{"en", "zh"}[i%2]))
		if err != nil || answer.StatusCode != 200 {
			t.Fatal(answer, err)
		}
		defer answer.Body.Close()
		go func() {
			lines := bufio.NewReader(answer.Body)
			for {
				line, err := lines.ReadString('\n')
				if err != nil {
					return
				}
				if strings.HasPrefix(line, "event: page") {
					events.Add(1)
				}
			}
		}()
	}
	windows, seconds := 3, 4.0
	if testing.Short() {
		windows, seconds = 1, 2
	}
	wait := func(s float64) { <-time.After(time.Duration(s * float64(time.Second))) } // what is measured is what happens in it
	wait(2)                                                                           // all have the whole page
	least := math.Inf(1)                                                              // of the windows: what else the machine does makes a second dearer, and none cheaper
	for range windows {
		first, began, seen := c.spent(t), time.Now(), events.Load()
		wait(seconds)
		cost, past, got := c.spent(t)-first, time.Since(began), events.Load()-seen
		share := cost.Seconds() / past.Seconds()
		least = min(least, share)
		t.Logf("%d viewers: %.2f %% of a core, %d page events in %.1f s", viewers, 100*share, got, past.Seconds())
		if want := int64(viewers * past.Seconds() / 2); got < want { // a machine that is busy elsewhere may skip a second
			t.Errorf("%d page events, want %d at least", got, want)
		}
	}
	if least > maxShare && !testing.Short() {
		t.Errorf("%.2f %% of a core, want at most %.0f %%", 100*least, 100*maxShare)
	}
}
