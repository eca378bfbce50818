package discipline

import (
	"fmt"
	"math"
	"time"

	"timeball/gnss/timescale"
	"timeball/pps"
	"timeball/pps/clock"
	"timeball/pps/oscillator"
)

// Config is what the loop is told of the unit. All values are half widths or limits in seconds.
type Config struct {
	Bias      clock.Seconds // latency of the edge capture that is taken off every measurement
	BiasRange clock.Seconds // the true latency is Bias +- BiasRange, anywhere in it
	Reference clock.Seconds // receiver, cable and realisation of UTC
	Limit     clock.Seconds // holdover ends when the bound passes it
}

// Default returns a capture that is exactly known, 100 ns for the receiver, and holdover up to 1 ms.
func Default() Config { return Config{Reference: 100e-9, Limit: 1e-3} }

// Validate returns what is wrong with c.
func (c Config) Validate() error {
	switch {
	case c.BiasRange < 0 || c.Reference < 0:
		return fmt.Errorf("latency range %v and reference uncertainty %v must not be negative", c.BiasRange, c.Reference)
	case c.Limit <= 0 || c.Limit > 1:
		return fmt.Errorf("limit %v s is not above 0 and at most 1 s", c.Limit)
	}
	return nil
}

const (
	coreShare    = 0.3    // probability of being on time from which on a pulse counts as accepted
	maxSteer     = 450e-6 // the kernel clamps at 500 ppm; the rest is for its rounding and for temperature
	maxSlew      = 100e-6 // of it to remove an offset: 100 us per second, gentle to what follows the clock
	fastSlew     = 400e-6 // while nobody does: the unit is acquiring
	slewTime     = 4.0    // s in which an offset is removed
	fastSlewTime = 1.5    // s, while acquiring
	stepAbove    = 100e-6 // s; before the first lock a larger offset is stepped away, not slewed
	stepAgain    = 10e-3  // s; later on, while acquiring anew, only one that would take longer than half a minute
	gateSigmas   = 6.0    // in the bound, times the core's sigma
	stateSigmas  = 4.0    // in the bound, for the state's own sigma
	coreSigmas   = 0.25   // in the bound, times the core's sigma: a density learned wrong shifts its mean by less
	rehearsed    = 4.0    // in the bound, times the rehearsals' root mean square
	likely       = 2.0    // times what a holdover was expected to err; more is the pulse's move, not the frequency's
	knownWithin  = 10.0   // core sigmas: a pulse that ends a holdover which may have erred more teaches nothing of the noise
	silence      = 2.6    // s without any edge begin a holdover: two missed pulses and a tick
	plainLates   = 2      // late edges in a row that are believed to be chance
	uncertain    = 60.0   // s after a lock in which it may be the frequency that is wrong
	refusing     = 20.0   // s with refused or late edges only do so as well
	disputing    = 86400  // s for which a moved pulse is held against the unit's own bound
	settled      = 5      // accepted pulses in a row make a lock
	requalified  = 10     // and after the clock was moved by another program
	lockedWithin = 2e-6   // s beyond the noise: the offset at which acquiring ends
	interference = 2e-6   // s; Real - Mono is known to some 10 ns and changes only when someone steps the clock
	initialDrift = 1e-9   // 1/s, 1 sigma
)

// Refusal says why a measurement was not used. It is a counter's name.
type Refusal string

// The reasons for which measurements are refused.
const (
	Outlier  Refusal = "pulse far from the prediction"
	Late     Refusal = "edge stamped late"
	Repeated Refusal = "second pulse within one second"
	Alone    Refusal = "first pulse waits for a second one"
	Unsteady Refusal = "first pulses disagree"
)

// Loop is the filter, the servo and the mode. One goroutine owns it.
type Loop struct {
	cfg    Config
	clock  Clock
	filter bank
	noise  density
	saw    sawtooth
	past   oscillator.Rehearsals
	sensor oscillator.Sensors
	terms  oscillator.Vector // that the filters know of

	at     clock.Mono    // instant of the filter's state
	steer  clock.Ratio   // in force since before at
	before clock.Ratio   // what keeps its rate, in force before the loop began to acquire
	begun  clock.Mono    // when that was
	given  clock.Seconds // phase given to the clock by steering and steps, so that x - given is the bare oscillator
	anchor clock.Reading // last reading; Real - Mono and Boot - Mono must stay

	mode       Mode
	reason     string
	everLocked bool
	kept       *Kept            // what was known of the clock when the loop began; nil: nothing, or this loop knows better
	first      *pps.Measurement // waits for a second one
	lastUTC    timescale.UTC    // of the last accepted pulse
	accepted   clock.Mono       // the last accepted pulse
	heard      clock.Mono       // the last edge of any kind
	inARow     int              // accepted pulses; negative: refused ones
	lates      int              // late edges in a row
	missed     int              // late or refused ones in a row
	needed     int
	lockedAt   clock.Mono
	variance   float64          // of x at the last accepted pulse
	contrary   [3]clock.Seconds // how far the last late or refused pulses were from the prediction
	jitter     clock.Seconds    // how far the pulse measured last was
	hasJitter  bool             // it was measured while locked

	newer, older *checkpoint // nil: not yet
	distrusted   bool        // pulses are refused

	followed clock.Mono    // the last instant at which a holdover's clock was steered
	bareThen clock.Seconds // the bare oscillator's phase then
	began    clock.Mono    // the last accepted pulse before the holdover
	worst    clock.Seconds // that the holdover was ever expected to have erred: an error stays

	// A pulse that moves against the prediction may have been wrong before or be wrong now, and the unit alone can't tell.
	contradiction clock.Seconds // by how much pulses contradict the present holdover; 0 = they don't
	returned      clock.Seconds // how far from the prediction the first pulse was that is accepted again
	doubtful      clock.Seconds // and how far the prediction may have been off by then
	disputed      clock.Seconds // by how much the pulse that is followed had moved; 0 = it has not
	disputedAt    clock.Mono
}

// New returns a loop that has seen nothing. now is a first reading of clk.
func New(cfg Config, clk Clock, now clock.Reading) *Loop {
	return &Loop{cfg: cfg, clock: clk, noise: newDensity(), at: now.Mono, anchor: now, needed: settled, reason: "the first pulses are being compared"}
}

// Mode returns the loop's mode.
func (l *Loop) Mode() Mode { return l.mode }

// Steady returns by how much CLOCK_MONOTONIC may run wrong: what a count of seconds has to reckon with.
func (l *Loop) Steady() clock.Ratio {
	switch l.mode {
	case Locked:
		return 5e-6
	case Holdover:
		return 20e-6 // far more than any crystal wanders in a day
	}
	return 500e-6 // the kernel's own limit
}

// Restart forgets the phase, so that the next pulses may step the clock again. Only for a unit that serves nothing.
func (l *Loop) Restart(reason string) {
	if l.mode == Acquiring {
		l.undo()
	}
	l.mode, l.reason, l.first, l.inARow, l.lates = FreeRunning, reason, nil, 0, 0
	l.past.Forget()
	if !l.everLocked {
		l.noise = newDensity()
	}
}

// undo steers the clock as it was steered before the pulses came that are not followed any more: what removed an offset would go
// on for ever. By how much they have moved it is added to what a clock that was served may be off by.
func (l *Loop) undo() {
	if l.steer == l.before {
		return
	}
	actual, effective, err := l.clock.SetFrequency(l.before)
	if err != nil {
		return // the next pulse will tell
	}
	l.advanceTo(max(effective, l.at))
	l.steer = actual
	if l.kept != nil {
		k := *l.kept
		k.Bound += magnitude(l.given - clock.Seconds(l.before)*l.at.Sub(l.begun))
		l.kept = &k
	}
}

// moved tells the filter that another program moved the clock by d.
func (l *Loop) moved(d clock.Seconds, reason string) {
	l.filter.each(func(f *filter) { f.s[phase] += float64(d) })
	l.given += d
	if l.mode == FreeRunning {
		return
	}
	l.mode, l.inARow, l.needed, l.reason = Acquiring, 0, requalified, reason
	l.before = clock.Ratio(max(-maxSteer, min(maxSteer, -l.filter.mean.s[frequency])))
}

// watch compares a reading with the last one and returns false when the clock was moved or the machine slept.
func (l *Loop) watch(now clock.Reading) bool {
	step := clock.Seconds(now.Real-clock.Real(now.Mono)-(l.anchor.Real-clock.Real(l.anchor.Mono))) * 1e-9
	slept := clock.Seconds(now.Boot-clock.Boot(now.Mono)-(l.anchor.Boot-clock.Boot(l.anchor.Mono))) * 1e-9
	stepped := now.Era == l.anchor.Era && math.Abs(float64(step)) > interference
	l.anchor = now
	switch {
	case stepped:
		l.moved(step, fmt.Sprintf("another program moved the clock by %.6g s", float64(step)))
	case slept > 0.01:
		l.moved(0, fmt.Sprintf("the machine was suspended for %.3g s", float64(slept)))
	default:
		return true
	}
	return false
}

// Heard tells of an edge that had no label or that was refused elsewhere, so that a holdover is not declared for silence.
func (l *Loop) Heard(at clock.Mono) { l.heard = max(l.heard, at) }

// Temperature takes a reading of the SoC's temperature; false when it can't be true.
func (l *Loop) Temperature(at clock.Mono, celsius float64) bool {
	return l.sensor.Temperature(at, celsius)
}

// Utilisation takes the processor's utilisation, 0 to 1; false when it can't be true.
func (l *Loop) Utilisation(at clock.Mono, share float64) bool { return l.sensor.Utilisation(at, share) }

// Measure takes one labelled pulse. now is the present reading. An error is the Clock's.
func (l *Loop) Measure(m pps.Measurement, now clock.Reading) (Refusal, error) {
	l.Heard(m.At)
	l.hasJitter = false
	if !l.watch(now) {
		m.Offset = clock.Seconds(now.RealAt(m.At)-clock.Real(m.UTC)) * 1e-9
	}
	if l.distrusted {
		return Distrusted, nil
	}
	if l.mode == FreeRunning {
		return l.begin(m, now)
	}
	if m.UTC <= l.lastUTC {
		return Repeated, nil
	}
	l.advanceTo(m.At)
	return l.judge(m, now)
}

// Jitter returns by how much the pulse that was measured last, refused or not, was from its prediction before the filter
// took anything from it: positive is late. False where there was no prediction to trust: the loop was not locked.
func (l *Loop) Jitter() (clock.Seconds, bool) { return l.jitter, l.hasJitter }

// residual is a pulse beside its prediction.
type residual struct {
	seen       looks
	noise      density
	innovation float64 // s, the pulse minus the mixture's prediction
	variance   float64 // of the latter
	quantised  float64 // s, what the receiver said that its clock did to the pulse and was taken off; 0 = nothing
	returning  bool    // the first pulses after a holdover
	erred      float64 // s, what that was expected to err
}

// compare looks at a pulse before anything is changed by it.
func (l *Loop) compare(m *pps.Measurement) (r residual) {
	if r.returning = l.mode == Holdover && l.inARow <= 0; r.returning {
		r.erred = float64(l.erred(m.At, m.At.Sub(l.accepted)))
	}
	if m.HasQuantisation {
		r.quantised = l.saw.correction(float64(m.Quantisation))
	}
	z := float64(m.Offset-l.cfg.Bias) - r.quantised
	r.innovation, r.variance = z-l.filter.mean.s[phase], l.filter.mean.p[phase][phase]+r.erred*r.erred
	r.noise = l.noise.widened(float64(m.Width)).after(r.erred)
	r.seen = l.filter.look(z, r.erred*r.erred, &r.noise)
	return r
}

// judge refuses a pulse or learns from it.
func (l *Loop) judge(m pps.Measurement, now clock.Reading) (Refusal, error) {
	r := l.compare(&m)
	l.jitter, l.hasJitter = clock.Seconds(r.innovation), l.mode == Locked
	if r.seen.believed < believable || l.contradicts(m.At, r.innovation) {
		return l.refuse(m, now, r.innovation)
	}
	late := r.seen.core < coreShare
	if late {
		if l.lates++; l.lates >= l.mostLates() {
			return l.refuse(m, now, r.innovation)
		}
		l.miss(r.innovation)
		if l.lates > plainLates && m.At.Sub(l.lockedAt) > uncertain { // more in a row are no chance: they tell nothing
			return Late, nil
		}
	}
	if r.returning {
		wandered := math.Abs(r.innovation) <= likely*(r.erred+l.noise.sigma)
		l.filter.each(func(f *filter) { f.coasted(r.erred, float64(m.At.Sub(l.began)), wandered) })
	}
	l.filter.update(&r.seen, &r.noise)
	if r.erred <= knownWithin*l.noise.sigma { // else the residual is the clock's
		l.noise.learn(r.innovation, r.variance)
	}
	if late {
		return Late, l.servo()
	}
	if r.returning {
		l.returned, l.doubtful = clock.Seconds(r.innovation), clock.Seconds(rehearsed*r.erred)
	}
	if m.HasQuantisation {
		l.saw.learn(float64(m.Quantisation), r.innovation+r.quantised)
	}
	l.accept(m)
	return "", l.servo()
}

// contradicts says that a pulse is further from the prediction of a holdover than that can have erred.
func (l *Loop) contradicts(at clock.Mono, innovation float64) bool {
	if l.mode != Holdover || l.inARow > 0 {
		return false
	}
	may := rehearsed*float64(l.erred(at, at.Sub(l.accepted))) + gateSigmas*(l.noise.sigma+math.Sqrt(l.variance))
	if math.Abs(innovation) <= may {
		return false
	}
	if l.missed >= settled && l.contradiction == 0 {
		l.contradiction = l.claimed()
	}
	return true
}

// claimed returns by how much the last late or refused pulses were off at the least.
func (l *Loop) claimed() clock.Seconds {
	least := l.contrary[0]
	for _, c := range l.contrary {
		if magnitude(c) < magnitude(least) {
			least = c
		}
	}
	return least
}

func magnitude(s clock.Seconds) clock.Seconds { return max(s, -s) }

// dispute ends a holdover that pulses contradicted. Either they are back where they were, or it is kept in mind that what
// will be followed from now on had moved; a second move, as large and the other way, takes that back.
func (l *Loop) dispute(at clock.Mono) {
	moved := l.contradiction
	switch {
	case moved == 0 || magnitude(l.returned)+l.doubtful < magnitude(moved)/2:
	case magnitude(moved+l.disputed) < 0.3*magnitude(l.disputed):
		l.disputed = 0
	case magnitude(moved) > magnitude(l.disputed):
		l.disputed, l.disputedAt = moved, at
	}
	l.contradiction = 0
}

// mostLates returns how many late edges in a row are as many stray ones: a third of a busy Pi's edges are late, so that
// twenty in a row do not happen in a year; but while acquiring the start may be what is wrong.
func (l *Loop) mostLates() int {
	if l.mode == Acquiring {
		return 4
	}
	return 20
}

// begin waits for two pulses that agree, and starts the filter from them.
func (l *Loop) begin(m pps.Measurement, now clock.Reading) (Refusal, error) {
	first := l.first
	l.first = &m
	if first == nil {
		return Alone, nil
	}
	dt := float64(m.At.Sub(first.At))
	change := float64(m.Offset - first.Offset)
	if dt < 0.5 || dt > 2.5 || math.Abs(change) > maxSteer*dt+stepAbove {
		return Unsteady, nil
	}
	start := filter{s: state{phase: float64(m.Offset - l.cfg.Bias), frequency: change/dt - float64(l.steer)}}
	known, sigma := l.past.Law()
	for i := range sigma {
		start.s[law+i], start.p[law+i][law+i] = known[i], sigma[i]*sigma[i]
	}
	start.p[drift][drift] = initialDrift * initialDrift
	l.filter, l.terms = newBank(start, l.noise.sigma, dt), l.sensor.Terms()
	l.at, l.given, l.first = m.At, 0, nil
	l.before, l.begun = l.steer, m.At
	l.newer, l.older = nil, nil
	l.mode, l.reason = Acquiring, "the loop settles"
	l.accept(m)
	return "", l.servo()
}

// refuse counts a pulse that is not believed; while acquiring, two of them begin anew.
func (l *Loop) refuse(m pps.Measurement, now clock.Reading, innovation float64) (Refusal, error) {
	l.inARow = min(0, l.inARow) - 1
	l.miss(innovation)
	if l.mode == Acquiring && (l.inARow <= -3 || l.lates > 0) {
		l.Restart("pulses do not agree with one another")
		return l.begin(m, now)
	}
	return Outlier, nil
}

// miss notes how far a pulse was that did not count.
func (l *Loop) miss(innovation float64) {
	l.contrary[l.missed%len(l.contrary)] = clock.Seconds(innovation)
	l.missed++
}

func (l *Loop) accept(m pps.Measurement) {
	l.accepted, l.lastUTC, l.variance = m.At, m.UTC, l.filter.mean.p[phase][phase]
	l.inARow, l.lates, l.missed = max(0, l.inARow)+1, 0, 0
	l.keepCheckpoint(m.At)
	if l.mode == Holdover {
		l.past.Forget() // until it ends nothing is learned, and then anew: the pulse may be another one
	} else {
		l.note(m.At)
	}
	near := math.Abs(l.filter.mean.s[phase]) < lockedWithin+gateSigmas*math.Sqrt(l.variance)
	if l.mode != Locked && l.inARow >= l.needed && near {
		l.dispute(m.At)
		l.mode, l.reason, l.everLocked, l.needed, l.kept = Locked, "", true, settled, nil
		l.lockedAt = m.At
	}
}

// note lets the rehearsals take note of the oscillator.
func (l *Loop) note(at clock.Mono) {
	senses := l.sensor.Senses(at)
	l.past.Note(at, l.Bare(), l.variance, clock.Ratio(l.filter.mean.s[frequency]), l.filter.mean.law(), &senses)
}

// advanceTo moves the filter to an instant.
func (l *Loop) advanceTo(at clock.Mono) {
	dt := at.Sub(l.at)
	coasting := l.mode == Holdover && l.inARow <= 0
	l.filter.each(func(f *filter) {
		f.move(float64(dt), float64(l.steer))
		if !coasting { // then rehearsals tell better how far it may have gone
			f.spread(float64(dt))
		}
	})
	l.given += clock.Seconds(l.steer) * dt
	l.at = at
	if terms := l.sensor.Terms(); terms != l.terms {
		var change oscillator.Vector
		for i := range terms {
			change[i] = terms[i] - l.terms[i]
		}
		l.terms = terms
		l.past.Sense(at, &terms)
		l.filter.each(func(f *filter) { f.sense(&change) })
	}
}

// servo steers the clock by what the filter knows, or steps it while that is still allowed.
func (l *Loop) servo() error {
	slewing, within := maxSlew, slewTime
	if l.mode == Acquiring {
		if l.contradictsKept() {
			l.Restart(fmt.Sprintf("the pulse is %.2g s from the clock that was served before the restart", math.Abs(l.filter.mean.s[phase])))
			return nil
		}
		slewing, within = fastSlew, fastSlewTime
		if err := l.step(); err != nil {
			return err
		}
	}
	slew := max(-slewing, min(slewing, -l.filter.mean.s[phase]/within))
	want := max(-maxSteer, min(maxSteer, slew-l.filter.mean.s[frequency]))
	actual, effective, err := l.clock.SetFrequency(clock.Ratio(want))
	if err != nil {
		return fmt.Errorf("set frequency: %w", err)
	}
	l.advanceTo(max(effective, l.at))
	l.steer = actual
	return nil
}

// step removes an offset that is too large to be slewed away. Only while acquiring, when nobody is served.
func (l *Loop) step() error {
	limit := stepAbove
	if l.everLocked || l.kept != nil {
		limit = stepAgain
	}
	if math.Abs(l.filter.mean.s[phase]) <= limit {
		return nil
	}
	by := -time.Duration(math.Round(l.filter.mean.s[phase] * 1e9))
	if _, err := l.clock.Step(by); err != nil {
		return fmt.Errorf("step: %w", err)
	}
	l.filter.each(func(f *filter) { f.s[phase] += by.Seconds() })
	l.given += clock.Seconds(by.Seconds())
	now, err := l.clock.Read()
	if err != nil {
		return err
	}
	l.anchor = now
	return nil
}

// Advance lets time pass: it notices silence, foreign steps and the end of a holdover, and keeps coasting. Called at 4 Hz.
func (l *Loop) Advance(now clock.Reading) error {
	l.watch(now)
	if l.mode == Locked {
		switch {
		case now.Mono.Sub(l.heard) > silence:
			l.coast("no pulse")
		case now.Mono.Sub(l.accepted) > refusing:
			l.coast("the pulse is far from the prediction")
			if claimed := l.claimed(); magnitude(claimed) > magnitude(l.contradiction) {
				l.contradiction = claimed
			}
		}
	}
	if l.mode == Acquiring && now.Mono.Sub(l.accepted) > refusing {
		l.Restart("no pulse")
	}
	if l.kept != nil && now.Mono.Sub(l.kept.At.Mono) > keptFor {
		l.kept = nil
	}
	if l.mode != Holdover {
		return nil
	}
	if l.bound(now.Mono).Total() > l.cfg.Limit {
		l.returned, l.doubtful = l.contradiction, 0 // what comes after this is followed wherever it is
		l.dispute(now.Mono)
		l.Restart(fmt.Sprintf("holdover has reached the limit of %.3g s", float64(l.cfg.Limit)))
		return nil
	}
	if l.inARow > 0 { // pulses are being accepted again
		if now.Mono.Sub(l.heard) < silence {
			return nil
		}
		l.inARow = 0
	}
	if now.Mono.Sub(l.followed) < 1 {
		return nil
	}
	l.follow(now.Mono)
	return l.servo()
}

// Bare returns the phase of the oscillator as it would be had it never been steered, as last estimated.
func (l *Loop) Bare() clock.Seconds { return clock.Seconds(l.filter.mean.s[phase]) - l.given }

// bareAt returns the bare oscillator's phase at an instant not before the filter's.
func (l *Loop) bareAt(at clock.Mono) clock.Seconds {
	return l.predicted(at) - l.given - clock.Seconds(l.steer)*at.Sub(l.at)
}

// follow moves the filters to an instant of a holdover by what the rehearsed predictors say.
func (l *Loop) follow(at clock.Mono) {
	l.advanceTo(at)
	bare := l.past.Coast(at)
	off := float64(bare - l.Bare())
	y := float64(bare-l.bareThen) / float64(at.Sub(l.followed))
	l.filter.each(func(f *filter) {
		f.s[phase] += off
		f.s[frequency] += turning * (y - f.s[frequency])
	})
	l.followed, l.bareThen, l.worst = at, bare, max(l.worst, l.past.Erred(at))
}

// turning is how fast the frequency of a holdover turns to what the predictors say: their weights, and with them the
// phase, may change within a second.
const turning = 0.1

// coast begins a holdover on the last frequency; a drift seen for seconds says nothing about hours.
func (l *Loop) coast(reason string) {
	l.mode, l.reason, l.inARow, l.needed = Holdover, reason, 0, settled
	l.began = l.accepted
	l.filter.each(func(f *filter) { f.s[drift] = 0 })
	if by, _, suspected := l.past.Suspected(l.at, l.Bare()); suspected {
		l.contradiction = by
	}
	l.past.Begin(l.at, l.Bare(), clock.Ratio(l.filter.mean.s[frequency]), l.filter.mean.law())
	l.followed, l.bareThen, l.worst = l.at, l.past.Coast(l.at), 0
}

// predicted returns the offset at an instant not before the filter's.
func (l *Loop) predicted(at clock.Mono) clock.Seconds {
	s, dt := &l.filter.mean.s, float64(at.Sub(l.at))
	return clock.Seconds(s[phase] + (s[frequency]+float64(l.steer))*dt + s[drift]*dt*dt/2)
}

// erred returns what a holdover that began quiet seconds before at is expected to have erred, 1 sigma.
func (l *Loop) erred(at clock.Mono, quiet clock.Seconds) clock.Seconds {
	expected := l.past.Expected(quiet)
	if l.mode != Holdover {
		return expected
	}
	return max(expected, l.past.Erred(at), l.worst)
}

// bound returns the bound at an instant: the offset that is known, the state's uncertainty when the last pulse was
// accepted, what a density that was learned wrong may shift, what rehearsals of a holdover as long as the silence since
// then have erred, and what pulses contradict: those that are refused again and again, and the
// one that is followed when it had moved.
func (l *Loop) bound(at clock.Mono) Bound {
	return l.whole(l.pulse(at))
}

// whole returns the bound whose pulse part is p.
func (l *Loop) whole(p Pulse) Bound {
	return Bound{Pulse: p.Total(), Capture: l.cfg.BiasRange, Reference: l.cfg.Reference}
}

// pulse returns the parts of the bound that the loop answers for.
func (l *Loop) pulse(at clock.Mono) Pulse {
	quiet := max(0, at.Sub(l.accepted))
	contradicted, core := clock.Seconds(0), clock.Seconds(coreSigmas)
	if l.mode == Holdover {
		contradicted, core = magnitude(l.contradiction), 1 // the last pulses before it may not have been the best
	}
	if l.missed >= len(l.contrary) && (l.mode == Holdover || -l.inARow >= len(l.contrary)) {
		contradicted = max(contradicted, magnitude(l.claimed()))
	}
	if l.disputed != 0 && at.Sub(l.disputedAt) < disputing {
		contradicted = max(contradicted, magnitude(l.disputed))
	}
	if by, sigma, suspected := l.past.Suspected(at, l.bareAt(at)); suspected {
		contradicted = max(contradicted, magnitude(by)+min(magnitude(by), rehearsed*sigma)) // beyond that it is no evidence
	}
	if contradicted > 0 {
		contradicted += gateSigmas * clock.Seconds(l.noise.sigma)
	}
	return Pulse{
		Offset: magnitude(l.predicted(at)), State: clock.Seconds(stateSigmas * math.Sqrt(l.variance)), Jitter: core * clock.Seconds(l.noise.sigma),
		Oscillator: rehearsed * l.erred(at, quiet), Contradicted: contradicted, Core: clock.Seconds(l.noise.sigma),
	}
}

// Forecast returns what the bound's total would be h seconds from now if no pulse came from now on.
func (l *Loop) Forecast(now clock.Mono, h clock.Seconds) clock.Seconds {
	return l.bound(now).Total() + rehearsed*l.past.Expected(h)
}

const growthOver = 10 // s over which the bound's growth is given; an Estimate lives for less

// Estimate returns what is known at now.
func (l *Loop) Estimate(now clock.Reading) Estimate {
	e := Estimate{At: now, Mode: l.mode, Reason: l.reason, Steering: l.steer, EverLocked: l.everLocked}
	if l.mode == FreeRunning {
		return e
	}
	e.HasOffset, e.HasFrequency, e.LastPulse = true, true, l.accepted
	e.Offset = l.predicted(now.Mono)
	e.Precision = clock.Seconds(math.Sqrt(l.variance)) + l.past.Expected(max(0, now.Mono.Sub(l.accepted)-1))
	e.Bias, e.BiasSigma = l.cfg.Bias, l.cfg.BiasRange/clock.Seconds(math.Sqrt(3)) // of a uniform range
	e.Pulse = l.pulse(now.Mono)
	e.Bound = l.whole(e.Pulse)
	e.Growth = clock.Ratio((l.bound(now.Mono.Add(growthOver)).Total() - e.Bound.Total()) / growthOver)
	e.Growth = max(e.Growth, 0)
	if l.mode == Locked && l.disputed != 0 && now.Mono.Sub(l.disputedAt) < disputing {
		e.Reason = fmt.Sprintf("the pulse has moved by %.2g s; this unit alone cannot tell when it was right", float64(magnitude(l.disputed)))
	}
	if by, _, suspected := l.past.Suspected(now.Mono, l.bareAt(now.Mono)); suspected && l.mode == Locked {
		e.Reason = fmt.Sprintf("the pulse has drifted by %.2g s from what this crystal has ever done", float64(magnitude(by)))
	}
	e.Frequency = clock.Ratio(l.filter.mean.s[frequency])
	e.FrequencySigma = clock.Ratio(math.Sqrt(l.filter.mean.p[frequency][frequency]))
	return e
}
