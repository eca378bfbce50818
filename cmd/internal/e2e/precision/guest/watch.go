//go:build linux && arm64

package main

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	beevik "github.com/beevik/ntp"

	"timeball/cmd/internal/e2e/precision"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
	"timeball/pps/sysclock"
	"timeball/server/ntp"
	"timeball/web/api"
)

const daemonAddress = "127.0.0.1"

// watch reports samples at random instants.
func watch(p *player, s precision.Scenario, say func(precision.Line)) {
	client := &http.Client{Timeout: 2 * time.Second}
	random := rand.New(rand.NewPCG(s.Seed, 0))
	for k := 1; ; k += s.LookEvery {
		at := s.Start + timescale.UTC(k)*timescale.Second + timescale.UTC(random.Float64()*0.9e9)
		time.Sleep(time.Duration(at - p.passed(count())))
		sample := look(p)
		page(client, &sample)
		say(precision.Line{Sample: &sample})
	}
}

// look reads the clock and what the kernel says of it.
func look(p *player) precision.Sample {
	k, err := sysclock.NewMonitor().Kernel()
	if err != nil {
		k.State = -1
	}
	c, real, wide := bracket()
	passed := p.passed(c)
	return precision.Sample{
		At: float64(passed-p.start) * 1e-9, Error: p.world.OffAt(real, passed).Duration().Nanoseconds(), Width: wide,
		Status: k.Status, State: k.State, MaxError: float64(k.MaxError), TAI: k.TAIOffset, PPM: float64(k.Frequency) * 1e6,
	}
}

// bracket reads CLOCK_REALTIME and the counter at the same time: the narrowest of some readings.
func bracket() (c int64, real clock.Real, wide int64) {
	wide = math.MaxInt64
	for range 8 {
		before := count()
		now := time.Now()
		after := count()
		if w := (after - before) * nanosPerCount; w < wide {
			c, real, wide = before+(after-before)/2, clock.Real(now.UnixNano()), w
		}
	}
	return c, real, wide
}

// page fills in what the daemon says of itself.
func page(client *http.Client, s *precision.Sample) {
	answer, err := client.Get("http://" + daemonAddress + "/api/v1/status")
	if err != nil {
		s.Mode, s.Reason = "", err.Error()
		return
	}
	defer answer.Body.Close()
	var status api.Status
	if err := json.NewDecoder(answer.Body).Decode(&status); err != nil {
		s.Reason = err.Error()
		return
	}
	s.Mode, s.Leap, s.Stratum, s.Reason = status.Mode, status.Leap, status.Stratum, status.Reason
	if status.BoundSeconds != nil {
		s.Bound = *status.BoundSeconds
	}
	if status.BoundPulseSeconds != nil {
		s.Pulse = *status.BoundPulseSeconds
	}
}

// ask asks the daemon for the time as any client does, by a clock that shows truth.
func ask(p *player, s precision.Scenario, say func(precision.Line)) {
	for range time.Tick(s.AskEvery) {
		a := precision.Answer{At: float64(p.passed(count())-p.start) * 1e-9}
		r, err := beevik.QueryWithOptions(daemonAddress, beevik.QueryOptions{Timeout: time.Second, GetSystemTime: p.utc})
		if err != nil {
			a.Trouble = err.Error()
		} else {
			a.Offset, a.Width = r.ClockOffset.Nanoseconds(), r.RTT.Nanoseconds()
			a.Leap, a.Stratum, a.RefID = int(r.Leap), int(r.Stratum), r.ReferenceString()
			a.Distance = (r.RootDelay/2 + r.RootDispersion).Seconds()
		}
		say(precision.Line{Answer: &a})
	}
}

// serveTruth is an NTP server in the guest that knows truth to a millisecond, as it says.
func serveTruth(p *player, s precision.Scenario) error {
	conn, err := net.ListenPacket("udp4", net.JoinHostPort(daemonAddress, strconv.Itoa(s.Witness)))
	if err != nil {
		return err
	}
	go func() {
		b := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			passed := p.passed(count())
			if q, ok := ntp.Decode(b[:n]); ok && q.Mode == ntp.ModeClient {
				answer := truthful(p, q, passed)
				_, _ = conn.WriteTo(answer.Append(nil), from) // it will ask again
			}
		}
	}()
	return nil
}

func truthful(p *player, q ntp.Packet, passed timescale.UTC) ntp.Packet {
	utc, _ := p.world.UTCAt(passed)
	now := ntp.TimestampAt(clock.Real(utc))
	var leap uint8
	if sign, at := timescale.Builtin().Next(utc); at-utc <= timescale.Day {
		leap = map[clock.Leap]uint8{clock.LeapInsert: 1, clock.LeapDelete: 2}[sign]
	}
	return ntp.Packet{
		Leap: leap, Version: q.Version, Mode: ntp.ModeServer, Stratum: 1, Poll: q.Poll, Precision: -20,
		RootDispersion: ntp.ShortUp(1e-3), ReferenceID: [4]byte{'T', 'R', 'U', 'E'}, Reference: now,
		Origin: q.Transmit, Receive: now, Transmit: now,
	}
}

// flood sends NTP requests from many addresses.
type flood struct {
	precision.Flood
	sent atomic.Int64
}

const sources = 16

func (f *flood) run() {
	if f.PerSecond == 0 {
		return
	}
	time.Sleep(f.At)
	request := make([]byte, 48)
	request[0] = 4<<3 | ntp.ModeClient
	var conns []net.Conn
	for i := range sources {
		d := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(127, 0, 1, byte(1+i))}}
		c, err := d.Dial("udp4", daemonAddress+":123")
		if err != nil {
			return
		}
		conns = append(conns, c)
	}
	const every = 10 * time.Millisecond
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for until := time.Now().Add(f.For); time.Now().Before(until); <-ticks.C {
		for i := range int(float64(f.PerSecond) * every.Seconds()) {
			if _, err := conns[i%sources].Write(request); err == nil {
				f.sent.Add(1)
			}
		}
	}
}
