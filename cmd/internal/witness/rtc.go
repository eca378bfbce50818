package witness

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

// RTC is a clock with a battery that counts whole seconds of UTC.
type RTC interface {
	// Read returns the second it shows, since 1970.
	Read() (int64, error)
	// Set makes it show a second now.
	Set(unix int64) error
}

// Record is what is known of an RTC over a restart.
type Record struct {
	UTC    timescale.UTC `json:"utc"`           // when it was measured; 0 = never
	Error  clock.Seconds `json:"error_seconds"` // it was ahead of UTC by
	Spread clock.Seconds `json:"spread_seconds"`
	Set    timescale.UTC `json:"set,omitempty"` // when this unit set it; 0 = never
}

const (
	// A watch crystal: 20 ppm as made, 3 ppm a year, and 0.04 ppm for the square of each degree from 25 degC, which is
	// another 50 ppm at 60 degC.
	rtcDrift clock.Ratio = 100e-6
	// Of an RTC that somebody else has set, nobody knows when: it can tell the date.
	rtcUnknown clock.Seconds = 12 * 3600

	rtcPoll    = 5 * time.Millisecond
	rtcChange  = 1500 * time.Millisecond // in which the second must have changed
	rtcEdge    = 20 * time.Millisecond   // a change seen less exactly was missed: this process was held up
	rtcEdges   = 5                       // changes waited for
	wholeRange = 1 << 33                 // s; a later date can't be written in nanoseconds
)

var (
	errStands    = errors.New("its second does not change")
	errHeldUp    = errors.New("this process is held up too much to time its second")
	errBackwards = errors.New("it is behind the time at which it was last measured")
)

// change is the instant at which an RTC began to show a second.
type change struct {
	before, after clock.Reading // it was between these
	second        int64
}

// at returns the middle of the change and half its width.
func (c change) at() (clock.Mono, clock.Seconds) {
	half := (c.after.Mono - c.before.Mono) / 2
	return c.before.Mono + half, half.Sub(0)
}

// awaitChange reads the RTC until its second changes, which it does once a second and in no longer than a few of them: what
// it shows in between may be a second old.
func awaitChange(ctx context.Context, rtc RTC, now clockReader) (change, error) {
	for range rtcEdges {
		c, err := nextChange(ctx, rtc, now)
		if err != nil {
			return change{}, err
		}
		if c.after.Mono-c.before.Mono < clock.Mono(rtcEdge) {
			return c, nil
		}
	}
	return change{}, errHeldUp
}

func nextChange(ctx context.Context, rtc RTC, now clockReader) (change, error) {
	first, before, err := look(rtc, now)
	if err != nil {
		return change{}, err
	}
	for began := before; before.Boot-began.Boot < clock.Boot(rtcChange); {
		if !pause(ctx, rtcPoll) {
			return change{}, ctx.Err()
		}
		second, after, err := look(rtc, now)
		switch {
		case err != nil:
			return change{}, err
		case slept(before, after):
			return change{}, errSlept
		case second != first:
			return change{before, after, second}, nil
		}
		before = after
	}
	return change{}, errStands
}

// look reads the RTC and then the unit's clocks.
func look(rtc RTC, now clockReader) (int64, clock.Reading, error) {
	second, err := rtc.Read()
	if err != nil {
		return 0, clock.Reading{}, err
	}
	if second < 0 || second >= wholeRange {
		return 0, clock.Reading{}, fmt.Errorf("second %d is no date", second)
	}
	at, ok := now()
	if !ok {
		return 0, clock.Reading{}, errUnreadable
	}
	return second, at, nil
}

// reading returns what the RTC says with what was known of it.
func (r Record) reading(c change) (Reading, error) {
	at, half := c.at()
	shown := timescale.UTC(c.second) * timescale.Second
	if r.UTC == 0 {
		return Reading{At: at, UTC: shown, Distance: rtcUnknown}, nil
	}
	utc := shown - timescale.UTC(math.Round(float64(r.Error)*1e9))
	age := clock.Seconds(utc-r.UTC) * 1e-9
	spread := half + r.Spread + clock.Seconds(rtcDrift)*max(age, 0)
	if age < -spread {
		return Reading{}, errBackwards
	}
	return Reading{At: at, UTC: utc, Distance: spread}, nil
}

// measured returns the Record after a change at a time when the unit's clock is right.
func (r Record) measured(c change) Record {
	at, half := c.at()
	utc := timescale.UTC(c.after.RealAt(at))
	ahead := clock.Seconds(timescale.UTC(c.second)*timescale.Second-utc) * 1e-9
	next := Record{UTC: utc, Error: ahead, Spread: half, Set: r.Set}
	if r.UTC != 0 {
		// What it moved by more than it can have drifted, it was set by someone: the kernel does that every 11 minutes, and
		// the next time it will be off by as much again.
		moved := clock.Seconds(math.Abs(float64(ahead-r.Error))) - clock.Seconds(rtcDrift)*clock.Seconds(math.Abs(float64(utc-r.UTC)))*1e-9
		next.Spread = max(half, moved, r.Spread/2)
	}
	return next
}
