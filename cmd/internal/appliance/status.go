package appliance

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"timeball/gnss"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/histogram"
	"timeball/pps/stability"
	"timeball/pps/timing"
	"timeball/server/ntp"
	"timeball/web/api"
)

// Status implements web.Unit.
func (u *Unit) Status() api.Status {
	p := u.published.Load()
	now := u.board.Served().Now()
	s, est := p.snapshot, &p.snapshot.Estimate
	status := api.Status{
		API: 1, Mode: est.Mode.String(), Leap: "unsynchronized", Stratum: 16, Reason: est.Reason,
		UptimeSeconds: time.Since(u.started).Seconds(), Version: u.cfg.Version, Board: u.board.Name(),
		TemperatureCelsius: s.Temperature, Utilisation: s.Utilisation,
		ModeSeconds: max(0, float64(now.Mono.Sub(est.ModeSince))), PulsesAccepted: s.Counters.Accepted,
		PulsesRefused: s.Counters.Edges - s.Counters.Accepted, LimitSeconds: some(u.cfg.Publish.Limit.Seconds()),
	}
	status.ClockSteps = uint64(now.Era)
	describeService(&status, p, now)
	describeLoop(&status, est, now)
	describeBound(&status, s, now)
	describeOscillator(&status, s)
	describeLeap(&status, s.Leap)
	describeStability(&status, s.Stability)
	describeReceiver(&status, s)
	describeSpread(&status, s)
	describeConditions(&status, s, now)
	describeWitnesses(&status, u.witnesses.all(), p, now)
	if a := u.answering(); a != nil {
		counted := a.Stats()
		status.RequestsAnswered, status.RequestsRefused = counted.Answered, counted.RefusedTotal()
		for _, l := range a.Listening() {
			if host := l.Address.Addr().String(); !slices.Contains(status.Addresses, host) {
				status.Addresses = append(status.Addresses, host)
			}
		}
		describeListeners(&status, a.Listening(), p.reference, now)
	}
	status.Notices = []string{}
	if u.cfg.Notices != nil {
		status.Notices = append(status.Notices, u.cfg.Notices()...)
	}
	if powered, ok := u.board.(Powered); ok {
		power := powered.Power()
		status.Undervoltage, status.Throttled = power.Undervoltage, power.Throttled
	}
	if sim, ok := u.board.(Simulated); ok {
		status.Simulated, status.SimErrorSeconds = true, some(float64(sim.TrueError()))
	}
	u.remark(&status)
	return status
}

// describeService fills in what NTP clients are told at now, or why they are told nothing.
func describeService(status *api.Status, p *published, now clock.Reading) {
	ref, mode := p.reference, p.snapshot.Estimate.Mode
	doubt := ref.Check(now)
	switch {
	case doubt == ntp.Certain:
		status.Leap, status.Stratum = ref.Leap.String(), int(ref.Stratum)
		status.RefID = some(strings.TrimRight(string(ref.ReferenceID[:]), "\x00"))
		sent := ntp.ShortUp(ref.DispersionAfter(now.Mono.Sub(ref.Anchor.Mono)))
		status.RootDispersionSeconds = some(float64(sent.Seconds()))
		status.ServedUnixNanoseconds = some(int64(now.Real))
	case p.snapshot.Estimate.Until != 0 && now.Mono >= p.snapshot.Estimate.Until: // its reason is there
	case doubt == ntp.Unsynchronised && (mode == discipline.Locked || mode == discipline.Holdover):
		status.Reason = "the bound is above the limit of what may be served"
	case doubt != ntp.Unsynchronised: // something the loop does not know of yet
		status.Reason = doubt.String()
	}
}

func some[T any](v T) *T { return &v }

// describeLoop fills in what the loop knows, with the bound grown to now.
func describeLoop(status *api.Status, est *discipline.Estimate, now clock.Reading) {
	if est.HasFrequency {
		status.FrequencyRatio, status.FrequencySigmaRatio = some(float64(est.Frequency)), some(float64(est.FrequencySigma))
	}
	if est.TAIOffset != 0 {
		status.TAIOffsetSeconds = &est.TAIOffset
	}
	if est.Leap != clock.LeapNone {
		status.LeapAtUnixSeconds = some(int64(est.LeapAt) / int64(time.Second))
	}
	if !est.HasOffset {
		return
	}
	growth := grown(est, now)
	status.OffsetSeconds, status.PrecisionSeconds = some(float64(est.Offset)), some(float64(est.Precision))
	status.BiasSeconds, status.BiasSigmaSeconds = some(float64(est.Bias)), some(float64(est.BiasSigma))
	status.BoundSeconds = some(float64(est.Bound.Total() + growth))
	status.BoundPulseSeconds = some(float64(est.Bound.Pulse + growth))
	status.BoundCaptureSeconds = some(float64(est.Bound.Capture))
	status.BoundReferenceSeconds = some(float64(est.Bound.Reference))
}

// grown returns by how much the bound has grown since the estimate was made.
func grown(est *discipline.Estimate, now clock.Reading) clock.Seconds {
	return clock.Seconds(est.Growth) * max(0, now.Mono.Sub(est.At.Mono))
}

// describeReceiver fills in what the receiver says.
func describeReceiver(status *api.Status, s *timing.Snapshot) {
	if s.Receiver != "" {
		status.Receiver = &s.Receiver
	}
	if line := cmp.Or(s.Serial, s.Line); line != "" {
		status.Serial = &line
	}
	if s.Fix != nil && s.Fix.SatellitesUsed >= 0 {
		status.SatellitesUsed = some(s.Fix.SatellitesUsed)
	}
	if s.Sky != nil {
		used := 0
		status.Satellites = []api.Satellite{}
		for _, seen := range s.Sky.Seen {
			status.Satellites = append(status.Satellites, satellite(seen))
			if seen.Used {
				used++
			}
		}
		if used > 0 { // GGA says 12 at most
			status.SatellitesUsed = &used
		}
	}
	for _, f := range s.Forecast {
		status.HoldoverForecast = append(status.HoldoverForecast, api.ForecastPoint{AfterSeconds: float64(f.After), BoundSeconds: float64(f.Bound)})
	}
}

// describeSpread fills in how edges and messages spread.
func describeSpread(status *api.Status, s *timing.Snapshot) {
	if s.Jitter != nil {
		status.EdgeJitter = some(histogramOf(s.Jitter))
	}
	for i := range s.Lags {
		l := &s.Lags[i]
		status.MessageLatency = append(status.MessageLatency, api.MessageLatency{Message: l.Message, Latency: histogramOf(&l.Counts)})
	}
}

func histogramOf(c *histogram.Counts) api.Histogram {
	h := api.Histogram{
		WindowSeconds: float64(c.Over), LeastSeconds: float64(c.Least), BinSeconds: float64(c.Width),
		Counts: make([]uint64, len(c.Bins)), Below: uint64(c.Below), Above: uint64(c.Above), Count: c.Ever, SumSeconds: float64(c.Sum),
	}
	for i, n := range c.Bins {
		h.Counts[i] = uint64(n)
	}
	if v, ok := c.Quantile(0.5); ok {
		h.MedianSeconds = some(float64(v))
	}
	if v, ok := c.Quantile(0.99); ok {
		h.P99Seconds = some(float64(v))
	}
	return h
}

// describeConditions fills in what speaks against the receiver.
func describeConditions(status *api.Status, s *timing.Snapshot, now clock.Reading) {
	status.Conditions = []api.Condition{}
	for _, c := range s.Conditions {
		status.Conditions = append(status.Conditions, api.Condition{
			Name: c.Name, SinceSeconds: max(0, float64(now.Mono.Sub(c.Since))), Severity: c.Severity.String(), Text: c.Text,
		})
	}
}

func satellite(s gnss.Satellite) api.Satellite {
	view := api.Satellite{System: s.System, ID: s.ID, Used: s.Used, ElevationDegrees: &s.Elevation, AzimuthDegrees: &s.Azimuth}
	if s.CN0 > 0 {
		view.CN0DBHz = &s.CN0
	}
	return view
}

// Now implements web.Unit.
func (u *Unit) Now() (earliest, latest *int64, mode string) {
	p := u.published.Load()
	now := u.board.Served().Now()
	est := &p.snapshot.Estimate
	if p.reference.Check(now) != ntp.Certain {
		return nil, nil, est.Mode.String()
	}
	bound := est.Bound.Total() + grown(est, now)
	half := int64(math.Ceil(float64(bound) * 1e9))
	return some(int64(now.Real) - half), some(int64(now.Real) + half), est.Mode.String()
}

// writeMetrics adds what is no part of Status to /metrics.
func (u *Unit) writeMetrics(w io.Writer) {
	if late, ok := u.board.(interface{ Dropped() uint64 }); ok {
		fmt.Fprintf(w, "# HELP timeball_events_dropped_total Events of the board that came too fast for the engine.\n# TYPE timeball_events_dropped_total counter\ntimeball_events_dropped_total %d\n", late.Dropped())
	}
	if u.cfg.Restarts == nil {
		return
	}
	fmt.Fprint(w, "# HELP timeball_process_restarts_total Processes of this unit that died or hung and were started anew\n# TYPE timeball_process_restarts_total counter\n")
	restarts := u.cfg.Restarts()
	for _, process := range slices.Sorted(maps.Keys(restarts)) {
		fmt.Fprintf(w, "timeball_process_restarts_total{process=%q} %d\n", process, restarts[process])
	}
}

func describeStability(status *api.Status, points []stability.Point) {
	for _, p := range points {
		shown := api.StabilityPoint{TauSeconds: float64(p.Tau), ADEVRatio: float64(p.ADEV)}
		if p.ModifiedTerms > 0 {
			shown.MDEVRatio, shown.TDEVSeconds = some(float64(p.MDEV)), some(float64(p.TDEV))
		}
		status.Stability = append(status.Stability, shown)
	}
}
