package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// network is a namespace for the generator and one for each server, joined by veth pairs.
type network struct {
	id      string
	servers int
}

func (n *network) client() string      { return "tbc" + n.id }
func (n *network) server(k int) string { return fmt.Sprintf("tbs%d-%s", k, n.id) }
func (n *network) link(k int) string   { return fmt.Sprintf("tb%d-%s", k, n.id) }
func address(server int) (string, string) {
	return fmt.Sprintf("10.213.%d.1", server), fmt.Sprintf("10.213.%d.2", server)
}

// newNetwork makes the namespaces.
func newNetwork(servers int) (*network, error) {
	n := &network{strconv.Itoa(os.Getpid()), servers}
	commands := [][]string{{"netns", "add", n.client()}}
	for k := range servers {
		ns, link := n.server(k), n.link(k)
		theirs, ours := address(k)
		commands = append(commands, [][]string{
			{"netns", "add", ns},
			{"link", "add", link + "s", "netns", ns, "type", "veth", "peer", "name", link + "c", "netns", n.client()},
			{"-n", ns, "addr", "add", theirs + "/24", "dev", link + "s"},
			{"-n", n.client(), "addr", "add", ours + "/24", "dev", link + "c"},
			{"-n", ns, "link", "set", link + "s", "up"},
			{"-n", n.client(), "link", "set", link + "c", "up"},
			{"-n", ns, "link", "set", "lo", "up"},
		}...)
	}
	for _, c := range commands {
		if out, err := exec.Command("ip", c...).CombinedOutput(); err != nil {
			n.remove()
			return nil, fmt.Errorf("ip %s: %w: %s", strings.Join(c, " "), err, out)
		}
	}
	return n, nil
}

// remove removes the namespaces, and with them what is in them.
func (n *network) remove() {
	_ = exec.Command("ip", "netns", "del", n.client()).Run() // the others go all the same
	for k := range n.servers {
		_ = exec.Command("ip", "netns", "del", n.server(k)).Run()
	}
}

// in returns a command that runs in a namespace on one core.
func in(ctx context.Context, namespace, core string, command ...string) *exec.Cmd {
	args := append([]string{"netns", "exec", namespace, "taskset", "-c", core}, command...)
	c := exec.CommandContext(ctx, "ip", args...)
	// An autogroup of its own: see first. And nothing outlives this program.
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM}
	return c
}

// first puts a process before the other programs of this machine, which would make batches of what comes one by one: its
// autogroup (sched(7)) gets the weight of nice -20. Where the kernel has no autogroups nothing changes.
func first(c *exec.Cmd) {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", c.Process.Pid), []byte("-20"), 0)
}

// sent returns how many packets a server's interface has sent.
func (n *network) sent(ctx context.Context, server int) (float64, error) {
	file := "/sys/class/net/" + n.link(server) + "s/statistics/tx_packets"
	out, err := exec.CommandContext(ctx, "ip", "netns", "exec", n.server(server), "cat", file).Output()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", file, err)
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

// server is one contender.
type server struct {
	number  int
	name    string
	command []string
	only    string  // the one load it is put under; "" = all
	rest    float64 // CPU seconds a second when nobody asks

	process *exec.Cmd
	output  bytes.Buffer
}

const (
	serverCore, clientCore = "0", "1"
	startup                = time.Minute
)

// start runs the server and waits until it is synchronised.
func (s *server) start(ctx context.Context, n *network) error {
	s.output.Reset()
	s.process = in(ctx, n.server(s.number), serverCore, s.command...)
	s.process.Stdout, s.process.Stderr = &s.output, &s.output
	s.process.Cancel = func() error { return s.process.Process.Signal(syscall.SIGTERM) }
	if err := s.process.Start(); err != nil {
		return err
	}
	first(s.process)
	if _, err := s.ask(ctx, n, "wait", 0, startup); err != nil {
		s.stop()
		return fmt.Errorf("not synchronised: %w\n%s", err, s.output.String())
	}
	return nil
}

func (s *server) stop() {
	_ = s.process.Process.Signal(syscall.SIGTERM)
	_ = s.process.Wait() // ended by a signal
}

// ask runs the generator.
func (s *server) ask(ctx context.Context, n *network, kind string, rate int, span time.Duration) (generated, error) {
	self, err := os.Executable()
	if err != nil {
		return generated{}, err
	}
	to, _ := address(s.number)
	c := in(ctx, n.client(), clientCore, self, "generate", to, kind, strconv.Itoa(rate), span.String())
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, os.Stderr
	if err := c.Start(); err != nil {
		return generated{}, err
	}
	first(c)
	if err := c.Wait(); err != nil {
		return generated{}, fmt.Errorf("generator: %w", err)
	}
	var g generated
	return g, json.Unmarshal(out.Bytes(), &g)
}

// measureRest measures what the server takes when nobody asks.
func (s *server) measureRest(ctx context.Context, span time.Duration) error {
	before, began := s.cpu(), time.Now()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(span):
	}
	s.rest = (s.cpu() - before) / time.Since(began).Seconds()
	return nil
}

// under measures the server under a load.
func (s *server) under(ctx context.Context, n *network, l load, span time.Duration) (figures, error) {
	before, err := n.sent(ctx, s.number)
	if err != nil {
		return figures{}, err
	}
	cpu, began := s.cpu(), time.Now()
	g, err := s.ask(ctx, n, l.kind, l.rate, span)
	if err != nil {
		return figures{}, err
	}
	spent, took := s.cpu()-cpu, time.Since(began).Seconds()
	after, err := n.sent(ctx, s.number)
	if err != nil || after-before < 1 {
		return figures{}, fmt.Errorf("%v answers: %w\n%s", after-before, err, s.output.String())
	}
	f := figures{answers: (after - before) / took, cost: 1e9 * spent / (after - before)}
	if g.Answers > 0 {
		f.interleaved = float64(g.Interleaved) / float64(g.Answers)
	}
	return f, nil
}

// processes returns the server's process and those it has made.
func (s *server) processes() []string {
	all := []string{strconv.Itoa(s.process.Process.Pid)}
	for i := 0; i < len(all); i++ {
		files, _ := filepath.Glob("/proc/" + all[i] + "/task/*/children")
		for _, f := range files {
			data, _ := os.ReadFile(f) // a thread that has just ended
			all = append(all, strings.Fields(string(data))...)
		}
	}
	return all
}

// cpu returns the seconds of CPU time that the server's threads have had.
func (s *server) cpu() float64 {
	sum := 0.0
	for _, pid := range s.processes() {
		files, _ := filepath.Glob("/proc/" + pid + "/task/*/schedstat")
		for _, f := range files {
			data, _ := os.ReadFile(f)
			if fields := strings.Fields(string(data)); len(fields) > 0 {
				ns, _ := strconv.ParseFloat(fields[0], 64)
				sum += ns / 1e9
			}
		}
	}
	return sum
}

// residentMiB returns the largest resident size of each process so far, and what all have now, with what they share counted
// once (proc(5): Pss).
func (s *server) residentMiB() (peaks []float64, together float64) {
	for _, pid := range s.processes() {
		peaks = append(peaks, mebibytes("/proc/"+pid+"/status", "VmHWM:"))
		together += mebibytes("/proc/"+pid+"/smaps_rollup", "Pss:")
	}
	return peaks, together
}

// mebibytes reads a line of kilobytes.
func mebibytes(file, name string) float64 {
	data, _ := os.ReadFile(file)
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			kb, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			return kb / 1024
		}
	}
	return 0
}
