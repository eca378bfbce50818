package timing

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"time"

	"timeball/gnss"
	"timeball/gnss/decode"
	"timeball/gnss/integrity"
	"timeball/gnss/scan"
	"timeball/gnss/timescale"
	"timeball/pps"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/histogram"
	"timeball/pps/pairing"
	"timeball/pps/stability"
)

// Config is what the Engine is told of the unit.
type Config struct {
	Loop discipline.Config `json:"loop"`
	// Floor is the earliest date that can be true: the build's or the last one saved. A label before it is refused.
	Floor timescale.UTC `json:"floor"`
	// Saved is a time that was certainly over when the unit began, 0 = none. Until 12 h after it dates are held against it.
	Saved timescale.UTC `json:"saved,omitempty"`
	// AcceptRollover is the operator's word that a date before Floor is some 1024 weeks early.
	AcceptRollover bool `json:"accept_rollover,omitempty"`
	// Memory is what the loop knew before the restart; nil or implausible: it begins anew.
	Memory *discipline.Memory `json:"memory,omitempty"`
	// Learned is what was known of the receiver's messages; nil: nothing.
	Learned *Learned `json:"learned,omitempty"`
	// Kept is what the Engine before this one knew of the clock, which has gone on since; nil: the machine has started.
	Kept *discipline.Kept `json:"kept,omitempty"`
}

// FirstDate is 1980-01-06, when GPS time began: no receiver was ever right about an earlier one.
const FirstDate = timescale.UTC(315_964_800_000_000_000)

// Default returns the loop's default and the beginning of GPS time.
func Default() Config { return Config{Loop: discipline.Default(), Floor: FirstDate} }

const (
	// A receiver starts with a leap second count from its flash and learns the true one from the almanac, which takes
	// 12.5 min to receive; a minute more is for good measure.
	almanacTime = 13 * 60 // s
	fixLifetime = 3       // s for which a fix, or the lack of one, is believed
	witnessRate = 100e-6  // by which a witness read before may have aged on an undisciplined clock
	maxReasons  = 64      // kinds of refusals that are counted apart
)

// Engine turns events into Snapshots. One goroutine owns it.
type Engine struct {
	cfg     Config
	clock   discipline.Clock
	loop    *discipline.Loop
	pairing pairing.Pairing
	scanner *scan.Scanner
	decoder *decode.Decoder
	monitor *integrity.Monitor

	now       clock.Reading // without leap seconds, see leap.go
	raw       clock.Reading // as the clock gave it
	mode      discipline.Mode
	modeSince clock.Mono

	fixed      bool // the receiver vouches for its time
	spokeAt    clock.Mono
	spoke      bool       // the receiver has said whether it has a fix
	trackingAt clock.Mono // since when it has had one without a break
	unpaired   string     // why its last mark was of no use, "" when it was
	fullUTC    bool       // the receiver says that it knows the leap second count, and its marks agree with ours
	dating     dating
	leaps      leapSeconds
	coming     gnss.PulseTime // what it said last of a pulse to come
	expects    bool           // that has not come yet
	witnesses  []Witness      // what Snapshots share of them
	hearings   int            // that they are of
	served     bool           // seconds of the present count were claimed to be UTC

	second    int64 // of CLOCK_MONOTONIC in which the line's bytes are being counted
	onLine    clock.Seconds
	lineQuiet clock.Mono // since when the line is quiet
	baud      int        // of the line
	learned   *Learned
	learnedAt clock.Mono
	recalls   bool // what was known of the receiver has been told
	counters  Counters
	state     receiverState
	change    []Change
	stability *stability.Accumulator // of the bare oscillator, at 1 s
	deviated  timescale.UTC          // the last second in it
	bootAhead clock.Mono             // CLOCK_BOOTTIME - CLOCK_MONOTONIC at the last tick
	awake     bool                   // there was one
	memory    *discipline.Memory
	recalled  clock.Mono // when memory was taken
	points    []stability.Point
	snapshot  *Snapshot

	jitter   *histogram.Window
	lags     []lag // of messages, by type
	spread   spread
	spreadAt clock.Mono // when spread was taken

	taught    taught
	taughtAt  clock.Mono    // when it was taken
	claimed   clock.Seconds // the accuracy that the receiver claimed last, 0 = none
	claimedAt clock.Mono

	conditions []integrity.Condition // of the receiver, the worst first
	distrust   string                // why its pulses are not used

	refused    map[string]uint64 // what Snapshots share of counters.Refused; nil: it has changed
	forecasts  []Forecast        // what they share of these
	forecastAt clock.Mono
	faults     [requests]string // what the Clock answered last, "" when it obeyed
}

// receiverState is what is shown of the receiver.
type receiverState struct {
	fix         *gnss.Fix
	sky         *gnss.Satellites
	text        string
	serial      string
	line        string // what is in use, where it is known
	capture     string
	pulse       string
	temperature sensed
	utilisation sensed
	leap        *gnss.LeapNotice
}

// sensed is a sensor's last reading.
type sensed struct {
	value *float64
	at    clock.Mono
}

// sensedAt returns the reading of an event. The value is copied: an address in ev would send every event to the heap.
func sensedAt(ev Event) sensed {
	value := ev.Value
	return sensed{&value, ev.At}
}

// sensorLifetime is how long a reading is shown: a sensor that has died is not known any more.
const sensorLifetime = 30 // s

func (s sensed) fresh(now clock.Mono) *float64 {
	if now.Sub(s.at) > sensorLifetime {
		return nil
	}
	return s.value
}

// New returns an Engine that steers clk.
func New(cfg Config, clk discipline.Clock) (*Engine, error) {
	if err := cfg.Loop.Validate(); err != nil {
		return nil, err
	}
	now, err := clk.Read()
	if err != nil {
		return nil, fmt.Errorf("read clock: %w", err)
	}
	e := &Engine{
		cfg: cfg, clock: clk, now: now, raw: now, modeSince: now.Mono, leaps: leapSeconds{table: timescale.Builtin(), last: now},
		stability: stability.New(1), scanner: scan.New(), decoder: decode.New(), monitor: integrity.New(), jitter: histogram.New(jitterShape), counters: Counters{Refused: map[string]uint64{}},
	}
	e.loop = discipline.New(cfg.Loop, announcedClock{clk, e}, now)
	if cfg.Memory != nil {
		used, err := e.loop.Restore(cfg.Memory)
		e.obeyed(steering, err)
		if !used {
			e.say("memory", "what was kept of the crystal can't be true and is not used")
		}
	}
	if cfg.Saved != 0 {
		e.pairing.Witness(pairing.Witness{Name: savedTime, At: now.Mono, UTC: cfg.Saved, Uncertainty: savedTimeRange, Drift: witnessRate})
	}
	if cfg.Kept != nil {
		e.resume(cfg.Kept)
	}
	e.publish()
	return e, nil
}

// keptClock is the witness that the unit's own clock is, when only the Engine has started anew: the second it was served with
// is not given up because a receiver names another.
const keptClock = "own clock before the restart"

// resume takes over a clock that was served until a moment ago.
func (e *Engine) resume(k *discipline.Kept) {
	if !k.Valid(e.raw) {
		e.say("clock", "moved while nobody looked: what was known of it before the restart is not used")
		return
	}
	settled := k.Settled(e.now.Mono)
	k = &settled
	e.obeyed(steering, e.loop.Resume(k))
	e.pairing.Witness(pairing.Witness{
		Name: keptClock, At: e.now.Mono, UTC: timescale.UTC(e.now.Real), Uncertainty: k.MayBeOff(e.now.Mono), Drift: max(witnessRate, k.Growth),
	})
}

// announcedClock makes every step a Change, and has no leap seconds.
type announcedClock struct {
	discipline.Clock
	e *Engine
}

func (c announcedClock) Read() (clock.Reading, error) {
	now, err := c.Clock.Read()
	if err != nil {
		return now, err
	}
	return c.e.leaps.reading(now), nil
}

func (c announcedClock) Step(by time.Duration) (clock.Era, error) {
	era, err := c.Clock.Step(by)
	if err == nil {
		c.e.say("clock", fmt.Sprintf("stepped by %v", by))
	}
	return era, err
}

// Snapshot returns the newest immutable Snapshot.
func (e *Engine) Snapshot() *Snapshot { return e.snapshot }

// Changes returns the changes of state since the last call, for the log.
func (e *Engine) Changes() []Change {
	c := e.change
	e.change = nil
	return c
}

// Take takes one event.
func (e *Engine) Take(ev Event) {
	switch ev.Kind {
	case KindBytes:
		e.bytes(ev)
	case KindReport:
		if ev.Report != nil {
			e.report(ev.At, *ev.Report)
		}
	case KindEdge:
		if ev.Edge != nil {
			e.edge(*ev.Edge, ev.UTC)
		}
	case KindTemperature:
		if !e.loop.Temperature(ev.At, ev.Value) {
			e.refuse("temperature out of range")
			return
		}
		e.state.temperature = sensedAt(ev)
	case KindUtilisation:
		if !e.loop.Utilisation(ev.At, ev.Value) {
			e.refuse("utilisation out of range")
			return
		}
		e.state.utilisation = sensedAt(ev)
	case KindWitness:
		e.witness(ev)
	case KindLeapSeconds:
		e.leapTable(ev.Bytes)
	case KindPort:
		e.port(ev)
	case KindCapture:
		e.say("pulse capture", wellOr(ev.Text))
		e.state.capture, e.state.pulse = ev.Text, ev.Where
	case KindTick:
		e.tick()
	default:
		e.refuse("unknown event")
	}
}

// port takes how the serial line is. What comes from a line opened anew does not continue what came before.
func (e *Engine) port(ev Event) {
	anew := ev.Text != "" || e.state.serial != "" || e.state.line == ""
	if anew {
		e.scanner.Flush(e.packet)
	}
	if anew && ev.Text == "" {
		e.monitor.Reopened()
	}
	e.say("serial line", cmp.Or(ev.Text, ev.Where, "well"))
	e.state.serial, e.state.line = ev.Text, ev.Where
}

// read reads the clock; on error the last reading stays.
func (e *Engine) read() bool {
	now, err := e.clock.Read()
	if err != nil {
		e.obeyed(reading, fmt.Errorf("read clock: %w", err))
		return false
	}
	e.raw, e.now = now, e.leaps.reading(now)
	e.obeyed(reading, nil)
	return true
}

// bytes scans what came over the line and takes what it says.
func (e *Engine) bytes(ev Event) {
	var byteTime clock.Seconds
	if ev.Baud > 0 {
		byteTime = 10 / clock.Seconds(ev.Baud) // start bit, eight bits, stop bit
	}
	if s := int64(ev.At) / 1e9; s != e.second {
		e.pairing.Burst(e.onLine)
		e.second, e.onLine = s, 0
	}
	e.onLine += clock.Seconds(len(ev.Bytes)) * byteTime
	if ev.At.Sub(e.lineQuiet) > silentLine {
		e.pairing.Began(ev.At)
	}
	e.baud = ev.Baud
	e.lineQuiet = ev.At.Add(clock.Seconds(len(ev.Bytes)-1) * byteTime)
	e.scanner.Write(ev.At, byteTime, ev.Bytes, e.packet)
}

// silentLine is how long a line is quiet between the messages of two seconds. Drivers deliver bytes up to 33 ms late, the
// 32 bytes of a PL011's queue at 9600 baud.
const silentLine clock.Seconds = 0.05

// packet takes what one packet says, understood or not.
func (e *Engine) packet(p scan.Packet) {
	r, err := e.decoder.Decode(p)
	var refused *gnss.Refused
	if errors.As(err, &refused) {
		e.refuse(refused.Reason)
	}
	if !e.pairing.Anchored() {
		e.recall()
	}
	e.report(p.Arrival, r)
}

// report takes what one packet told at an instant, as far as it was told.
func (e *Engine) report(at clock.Mono, r gnss.Report) {
	e.monitor.Report(at, &r)
	e.judge()
	if r.Sky != nil {
		e.state.sky = r.Sky
	}
	if r.Text != nil {
		e.state.text = r.Text.Text
	}
	if r.Leap != nil {
		e.state.leap = r.Leap
		e.leapAnswer(*r.Leap)
	}
	if r.Fix != nil {
		e.state.fix = r.Fix
		e.believe(r.Fix.Valid, r.Fix.Arrival)
	}
	if r.Mark != nil {
		e.mark(*r.Mark)
	}
	if r.Pulse != nil {
		e.pulse(*r.Pulse)
	}
}

// believe notes whether the receiver has a fix.
func (e *Engine) believe(fixed bool, at clock.Mono) {
	if fixed && (!e.fixed || at.Sub(e.spokeAt) > fixLifetime) {
		e.trackingAt = at
	}
	e.fixed, e.spoke, e.spokeAt = fixed, true, at
}

// unfixed says that the receiver says that it has no fix. A silent receiver says nothing.
func (e *Engine) unfixed(at clock.Mono) bool {
	return e.spoke && !e.fixed && at.Sub(e.spokeAt) < fixLifetime
}

// mark takes a message that names a second.
func (e *Engine) mark(m gnss.TimeMark) {
	e.counters.Marks++
	if !m.Valid {
		e.believe(false, m.Arrival)
	}
	e.take(m, e.pairing.Mark)
}

// take gives the pairing a mark.
func (e *Engine) take(m gnss.TimeMark, to func(gnss.TimeMark, clock.Ratio) pairing.Reason) {
	if whole, ok := m.Second(); ok {
		m.UTC = whole // UBX names the instant of its solution, nanoseconds beside the second it means
	}
	if m.Valid {
		var ok bool
		if m.UTC, ok = e.date(m); !ok {
			return
		}
	}
	utc := m.UTC
	m.UTC = e.leaps.count(utc, m.Leap60)
	m.Leap60 = m.Leap60 && e.leaps.next.state != leapExpected && e.leaps.next.state != leapDecided
	if e.vote(m) {
		return
	}
	reason := to(m, e.loop.Steady())
	e.noteLag(&m)
	e.claims(&m)
	e.unpaired = string(reason)
	if reason != "" {
		e.refuse(e.unpaired)
		return
	}
	// A leap second count that the receiver has just learned says nothing of a second that was fixed before.
	if !e.fullUTC && e.pairing.Anchored() {
		e.fullUTC = e.countKnown(m, utc) || m.FullUTC && !e.leaps.differs
	}
}

// edge takes one captured pulse and the second it marks, 0 where its source does not know.
func (e *Engine) edge(edge pps.Edge, utc timescale.UTC) {
	e.counters.Edges++
	if !e.read() {
		return
	}
	at := edge.Middle()
	if e.unfixed(at) {
		e.refuse("pulse while the receiver has no fix")
		return
	}
	if utc != 0 {
		e.fullUTC, utc = true, e.leaps.count(utc, false)
	} else {
		var reason pairing.Reason
		if utc, reason = e.pairing.Edge(edge, e.loop.Steady()); reason != "" {
			e.unlabelled(at, reason)
			return
		}
	}
	e.counters.Labelled++
	m := pps.Measurement{
		Seq: edge.Seq, At: at, UTC: utc, Width: edge.Width(),
		Offset: clock.Seconds(e.now.RealAt(at)-clock.Real(utc)) * 1e-9,
	}
	e.quantise(&m)
	refusal, err := e.loop.Measure(m, e.now)
	e.obeyed(steering, err)
	if off, ok := e.loop.Jitter(); ok {
		e.jitter.Add(at, off)
	}
	if refusal != "" {
		e.refuse(string(refusal))
	} else {
		e.counters.Accepted++
		e.counters.LastOffset = m.Offset
		e.deviate(utc)
	}
	e.publish()
}

// unlabelled counts an edge that has no second.
func (e *Engine) unlabelled(at clock.Mono, reason pairing.Reason) {
	e.refuse(string(reason))
	e.loop.Heard(at)
	if e.pairing.OffGrid() >= offGridLimit && e.loop.Mode() < discipline.Locked {
		e.forget()
	}
}

const longestMiss = 30 // s without an accepted pulse after which stability is measured anew

// deviate adds the bare oscillator's phase at the second utc to its stability.
func (e *Engine) deviate(utc timescale.UTC) {
	missed := int((utc-e.deviated)/timescale.Second) - 1
	switch {
	case e.deviated == 0 || missed > longestMiss || missed < 0:
		e.stability.Gap()
	default:
		for range missed {
			e.stability.Miss()
		}
	}
	e.deviated = utc
	e.stability.Add(e.loop.Bare())
}

// forget drops the count of seconds.
func (e *Engine) forget() {
	e.pairing.Forget()
	e.fullUTC, e.served, e.recalls = false, false, false
	e.leaps.drop()
}

const offGridLimit = 10 // edges in a row between two seconds: before the first lock the count is begun anew

// tick lets time pass.
func (e *Engine) tick() {
	if !e.read() {
		e.publish() // of the last reading: the error shows, and the Reference expires by itself
		return
	}
	if e.slept() {
		e.forget()
		e.pairing.Slept()
	}
	e.monitor.Advance(e.now.Mono)
	e.judge()
	e.obeyed(coasting, e.loop.Advance(e.now))
	e.remember()
	e.learn()
	e.spreadOut()
	e.takeDown()
	e.leapTick()
	e.publish()
	est := &e.snapshot.Estimate
	synchronised := est.Mode == discipline.Locked || est.Mode == discipline.Holdover
	s := clock.Status{Synchronised: synchronised, MaxError: 16, EstimatedError: 16}
	if synchronised {
		s = clock.Status{
			Synchronised: true, MaxError: est.Bound.Total(), EstimatedError: est.Precision,
		}
		s.Leap, s.TAIOffset = e.leapStatus(est)
	}
	e.obeyed(status, e.clock.SetStatus(s))
}

const rememberEvery = 300 // s

// remember takes down what changes slowly: what is worth keeping over a restart, and the oscillator's stability.
func (e *Engine) remember() {
	if e.memory != nil && e.now.Mono.Sub(e.recalled) < rememberEvery {
		return
	}
	if m, ok := e.loop.Memory(); ok {
		kept := m
		e.memory, e.recalled = &kept, e.now.Mono
		e.points = e.stability.Points()
	}
}

// slept says that the machine was suspended since the last tick: CLOCK_BOOTTIME has gone on and CLOCK_MONOTONIC has not.
func (e *Engine) slept() bool {
	ahead := clock.Mono(e.now.Boot) - e.now.Mono
	grown := e.awake && ahead-e.bootAhead > shortestSleep
	e.bootAhead, e.awake = ahead, true
	return grown
}

const shortestSleep = 10_000_000 // ns; less is the two readings' distance

// The kinds of requests to the Clock, whose refusals are remembered apart: a clock that can be read may still not be steered.
const (
	reading = iota
	steering
	coasting
	status
	requests
)

// obeyed notes what the Clock answered to a kind of request.
func (e *Engine) obeyed(request int, err error) {
	said := ""
	if err != nil {
		said = err.Error()
		e.counters.ClockErrors++
	}
	if said != e.faults[request] {
		e.faults[request] = said
		e.say("clock", wellOr(said))
	}
}

// fault returns what the Clock refuses, "" when it obeys.
func (e *Engine) fault() string {
	for _, f := range e.faults {
		if f != "" {
			return f
		}
	}
	return ""
}

// refuse counts something that was not used.
func (e *Engine) refuse(reason string) {
	if _, known := e.counters.Refused[reason]; !known && len(e.counters.Refused) >= maxReasons {
		reason = "other"
	}
	e.counters.Refused[reason]++
	e.refused = nil
}

// wellOr returns what is wrong, or that nothing is.
func wellOr(text string) string {
	if text == "" {
		return "well"
	}
	return text
}

func (e *Engine) say(what, text string) {
	const most = 256 // between two looks; more is lost, and the log says the newest
	if len(e.change) < most {
		e.change = append(e.change, Change{At: e.now, What: what, Text: text})
	}
}

// knowsUTC says whether the second labels can be UTC, and not GPS time with a stale leap second count.
func (e *Engine) knowsUTC() (bool, string) {
	if e.served || e.fullUTC || e.pairing.Witnessed() {
		return true, ""
	}
	if e.leaps.differs {
		return false, "the receiver counts other leap seconds than the list"
	}
	left := almanacTime - e.now.Mono.Sub(e.trackingAt)
	if e.fixed && left <= 0 {
		return true, ""
	}
	return false, fmt.Sprintf("the receiver may not know the leap seconds yet: %.0f min of tracking to go", math.Ceil(float64(max(0, left)/60)))
}
