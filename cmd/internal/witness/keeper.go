package witness

import (
	"context"
	"errors"
	"math"
	"time"

	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

// Keeper asks the RTC at the start, when nobody else knows the time, and looks after it from the first lock on: it
// measures how wrong the RTC is, so that it can be believed after the next power cut, and sets it when it is wrong by more
// than its second.
type Keeper struct {
	RTC RTC
	// Now reads the unit's clocks.
	Now clockReader
	// Settled says whether the unit's clock is right.
	Settled func() bool
	// Record is what was known of the RTC before.
	Record Record
	// Save keeps a Record over a restart; nil: nothing is kept.
	Save func(Record) error
	// Monitor: the RTC is never set.
	Monitor bool
	// Say tells of what was done and of what failed.
	Say func(what string, err error)

	own bool // the RTC may show this unit's own time by now
}

// KeeperName is what the RTC is called among the witnesses.
const KeeperName = "rtc"

const (
	keepEvery = 15 * time.Minute // at 100 ppm an RTC moves by 90 ms
	setEvery  = 24 * time.Hour
	setAbove  = clock.Seconds(0.5) // it would tell another second by itself
)

// Run reads the RTC until ctx is done, and tells what it showed. What it shows after the first lock is no witness's word
// any more: this unit, or its kernel on this unit's word, may have set it.
func (k *Keeper) Run(ctx context.Context, tell func(r Report, independent bool)) {
	for {
		report := Report{Name: KeeperName}
		if now, ok := k.Now(); ok {
			report.Asked = now.Mono
		}
		k.own = k.own || k.Settled()
		independent := !k.own
		reading, err := k.look(ctx, independent)
		if ctx.Err() != nil {
			return
		}
		report.Error = err
		if err == nil {
			report.Reading = &reading
		}
		tell(report, independent)
		if !pause(ctx, k.interval()) {
			return
		}
	}
}

// interval is shorter until the unit's clock is right: the RTC is measured soon after that, and asked again meanwhile.
func (k *Keeper) interval() time.Duration {
	if !k.own {
		return time.Minute
	}
	return keepEvery
}

// look reads the RTC once, and looks after it where the unit's clock is right.
func (k *Keeper) look(ctx context.Context, independent bool) (Reading, error) {
	c, err := awaitChange(ctx, k.RTC, k.Now)
	if !independent && k.Settled() && ctx.Err() == nil {
		c, err = k.keep(ctx, c, err)
	}
	switch {
	case err != nil:
		return Reading{}, err
	case independent:
		return k.Record.reading(c)
	}
	at, half := c.at()
	return Reading{At: at, UTC: timescale.UTC(c.second) * timescale.Second, Distance: half}, nil
}

// keep measures how wrong the RTC is. Where that is too much, or it has lost its time, it is set and measured again.
func (k *Keeper) keep(ctx context.Context, c change, err error) (change, error) {
	if err == nil && c.before.Era != c.after.Era {
		return c, nil
	}
	if err == nil {
		k.Record = k.Record.measured(c)
	}
	if now, ok := k.Now(); ok && k.due(timescale.UTC(now.Real), err) {
		failed := k.set(ctx)
		k.Say("rtc set", failed)
		k.Record.Set = timescale.UTC(now.Real) // also if in vain: tomorrow again
		if failed == nil {
			k.Record = Record{Set: k.Record.Set}
			if c, err = awaitChange(ctx, k.RTC, k.Now); err == nil {
				k.Record = k.Record.measured(c)
			}
		}
	}
	if k.Save != nil {
		if failed := k.Save(k.Record); failed != nil {
			k.Say("error of the rtc not kept", failed)
		}
	}
	return c, err
}

// due says whether the RTC, measured or unreadable with err, is to be set.
func (k *Keeper) due(now timescale.UTC, err error) bool {
	wrong := math.Abs(float64(k.Record.Error)) > float64(setAbove)
	if err != nil { // it has lost its time, or there is something wrong here
		wrong = !errors.Is(err, errHeldUp) && !errors.Is(err, errSlept) && !errors.Is(err, errUnreadable)
	}
	return wrong && !k.Monitor && (k.Record.Set == 0 || now-k.Record.Set >= timescale.UTC(setEvery))
}

// set waits for the beginning of a second and sets the RTC to it. Where setting it begins its second it is right then.
func (k *Keeper) set(ctx context.Context) error {
	now, ok := k.Now()
	if !ok {
		return errUnreadable
	}
	next := now.Real - now.Real%timescale.Second + timescale.Second
	if !pause(ctx, time.Duration(next-now.Real)) {
		return ctx.Err()
	}
	if now, ok = k.Now(); !ok || !k.Settled() {
		return errUnreadable
	}
	return k.RTC.Set(int64(now.Real) / timescale.Second)
}
