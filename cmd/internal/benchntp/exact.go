package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// exactness is what a client made of a server's clock, in seconds. All share this machine's clock: the truth is 0.
type exactness struct {
	offset float64 // median
	spread float64 // half of the width that holds the middle 68 %
	delay  float64 // median of the round trip
	n      int
	mixed  int // answers of the other mode
}

// modes are how a client asks.
var modes = []struct{ name, option, tag string }{{"basic", "", "4B"}, {"interleaved", "xleave", "4I"}}

// compareExactness has chronyd as a client, one for each mode, ask all servers 16 times a second at the same time. It
// selects none of them, so that it measures this machine's clock and not one that it corrects.
func compareExactness(ctx context.Context, net *network, servers []*server, chronyd, dir string, span time.Duration) error {
	for _, m := range modes {
		c := in(ctx, net.client(), clientCore, chronyd, "-n", "-x", "-u", "root", "-f", filepath.Join(dir, "client-"+m.name+".conf"))
		if err := os.WriteFile(c.Args[len(c.Args)-1], []byte(clientConfig(servers, filepath.Join(dir, m.name), m.option)), 0o644); err != nil {
			return err
		}
		if err := c.Start(); err != nil {
			return err
		}
		first(c)
		defer func() { _ = c.Wait() }()
		defer func() { _ = c.Process.Signal(os.Interrupt) }()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(span):
	}
	fmt.Printf("\n%-12s %-25s %14s %14s %14s %9s\n", "mode", "server", "offset ns", "spread ns", "round trip ns", "answers")
	for _, m := range modes {
		data, err := os.ReadFile(filepath.Join(dir, m.name, "measurements.log"))
		if err != nil {
			return err
		}
		for _, s := range servers {
			ip, _ := address(s.number)
			e := judge(string(data), ip, m.tag)
			fmt.Printf("%-12s %-25s %14.0f %14.0f %14.0f %9d\n", m.name, s.name, 1e9*e.offset, 1e9*e.spread, 1e9*e.delay, e.n)
			if e.mixed > 4 {
				fmt.Printf("%-12s %-25s %d answers were of the other mode\n", m.name, s.name, e.mixed)
			}
		}
	}
	return nil
}

// clientConfig is the configuration of a client that logs to dir.
func clientConfig(servers []*server, dir, option string) string {
	text := "port 0\ncmdport 0\nbindcmdaddress /\npidfile " + dir + ".pid\nlogdir " + dir + "\nlog measurements\n"
	for _, s := range servers {
		ip, _ := address(s.number)
		text += "server " + ip + " minpoll -4 maxpoll -4 noselect " + option + "\n"
	}
	return text
}

// judge reads chronyd's measurements.log: fields 3 address, 12 offset, 13 delay, 18 mode.
func judge(log, ip, tag string) exactness {
	var offsets, delays []float64
	var e exactness
	for line := range strings.Lines(log) {
		f := strings.Fields(line)
		if len(f) < 18 || f[2] != ip {
			continue
		}
		if f[17] != tag {
			e.mixed++
			continue
		}
		offset, err1 := strconv.ParseFloat(f[11], 64)
		delay, err2 := strconv.ParseFloat(f[12], 64)
		if err1 == nil && err2 == nil {
			offsets, delays = append(offsets, offset), append(delays, delay)
		}
	}
	if e.n = len(offsets); e.n == 0 {
		e.offset, e.spread, e.delay = math.NaN(), math.NaN(), math.NaN()
		return e
	}
	e.offset, e.delay = quantile(offsets, 0.5), quantile(delays, 0.5)
	e.spread = (quantile(offsets, 0.84) - quantile(offsets, 0.16)) / 2
	return e
}

// quantile returns the value that a share q of all is below.
func quantile(all []float64, q float64) float64 {
	slices.Sort(all)
	return all[min(int(q*float64(len(all))), len(all)-1)]
}
