package appliance

import (
	"math"
	"strings"
	"time"

	"timeball/gnss"
	"timeball/pps/clock"
	"timeball/pps/discipline"
	"timeball/pps/timing"
	"timeball/server/ntp"
	"timeball/web/api"
)

// Status implements web.Unit.
func (u *Unit) Status() api.Status {
	s, ref := u.snapshot.Load(), u.reference.Load()
	now := u.board.Served().Now()
	est := &s.Estimate
	status := api.Status{
		API: 1, Mode: est.Mode.String(), Leap: "unsynchronized", Stratum: 16, Reason: est.Reason,
		UptimeSeconds: time.Since(u.started).Seconds(), Version: u.cfg.Version, Board: u.board.Name(),
		TemperatureCelsius: s.Temperature, Utilisation: s.Utilisation,
		ModeSeconds: max(0, float64(now.Mono.Sub(est.ModeSince))), PulsesAccepted: s.Counters.Accepted,
		PulsesRefused: s.Counters.Edges - s.Counters.Accepted,
	}
	if ref.Check(now) == ntp.Certain {
		status.Leap, status.Stratum = ref.Leap.String(), int(ref.Stratum)
		status.RefID = some(strings.TrimRight(string(ref.ReferenceID[:]), "\x00"))
		sent := ntp.ShortUp(ref.DispersionAfter(now.Mono.Sub(ref.Anchor.Mono)))
		status.RootDispersionSeconds = some(float64(sent.Seconds()))
		status.ServedUnixNanoseconds = some(int64(now.Real))
	}
	describeLoop(&status, est, now)
	describeReceiver(&status, s)
	if u.server != nil {
		counted := u.server.Stats()
		status.RequestsAnswered, status.RequestsRefused = counted.Answered, counted.RefusedTotal()
		for _, a := range u.server.Addrs() {
			status.Addresses = append(status.Addresses, a.Addr().String())
		}
	}
	if sim, ok := u.board.(Simulated); ok {
		status.Simulated, status.SimErrorSeconds = true, some(float64(sim.TrueError()))
	}
	return status
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
	grown := clock.Seconds(est.Growth) * max(0, now.Mono.Sub(est.At.Mono))
	status.OffsetSeconds, status.PrecisionSeconds = some(float64(est.Offset)), some(float64(est.Precision))
	status.BiasSeconds, status.BiasSigmaSeconds = some(float64(est.Bias)), some(float64(est.BiasSigma))
	status.BoundSeconds = some(float64(est.Bound.Total() + grown))
	status.BoundPulseSeconds = some(float64(est.Bound.Pulse + grown))
	status.BoundCaptureSeconds = some(float64(est.Bound.Capture))
	status.BoundReferenceSeconds = some(float64(est.Bound.Reference))
}

// describeReceiver fills in what the receiver says.
func describeReceiver(status *api.Status, s *timing.Snapshot) {
	if s.Receiver != "" {
		status.Receiver = &s.Receiver
	}
	if s.Serial != "" {
		status.Serial = &s.Serial
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

func satellite(s gnss.Satellite) api.Satellite {
	view := api.Satellite{System: s.System, ID: s.ID, Used: s.Used, ElevationDegrees: &s.Elevation, AzimuthDegrees: &s.Azimuth}
	if s.CN0 > 0 {
		view.CN0DBHz = &s.CN0
	}
	return view
}

// Now implements web.Unit.
func (u *Unit) Now() (earliest, latest *int64, mode string) {
	s, ref := u.snapshot.Load(), u.reference.Load()
	now := u.board.Served().Now()
	est := &s.Estimate
	if !est.HasOffset || ref.Check(now) != ntp.Certain {
		return nil, nil, est.Mode.String()
	}
	bound := est.Bound.Total() + clock.Seconds(est.Growth)*max(0, now.Mono.Sub(est.At.Mono))
	half := int64(math.Ceil(float64(bound) * 1e9))
	return some(int64(now.Real) - half), some(int64(now.Real) + half), est.Mode.String()
}
