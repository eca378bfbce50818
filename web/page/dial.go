package page

import (
	"fmt"
	"math"
	"strings"

	"timeball/web/api"
	"timeball/web/verdict"
)

// The dial runs over seven decades of error and three quarters of a turn, from lower left to lower right.
const (
	dialLeast   = 10e-9 // seconds
	dialDecades = 7
	dialFirst   = -135.0 // degrees clockwise from the top
	dialSweep   = 270.0
	dialArc     = 134.0 // radius of the arc
)

// dial is the instrument's face: a hand and an arc at the bound, marks at the other numbers.
type dial struct {
	Major, Minor string // paths of the graduation
	Labels       []dialLabel
	Track        string // path of the whole scale
	Limit        string // path of what is not served, "" where no limit is known
	Arc          string // path from the least error to the bound, "" without a bound
	HasHand      bool
	Hand         float64 // degrees clockwise from the top
	HasForecast  bool    // in holdover: where the hand will be in one hour
	Forecast     float64
	Marks        []dialMark
	Reading      string
	Description  string
}

type dialLabel struct {
	X, Y float64
	Text string
}

type dialMark struct {
	Name  string
	Angle float64
}

func (m maker) dial() dial {
	d, s := face, m.s
	d.Reading = m.Say("no-bound")
	if words := m.boundWords(); words != "" {
		d.Reading, d.HasHand, d.Hand = words, true, dialAngle(*s.BoundSeconds)
		d.Arc = arc(dialFirst, d.Hand, dialArc)
	}
	d.Description = m.Say("dial.describe", "bound", d.Reading)
	if hour, ok := m.forecastAt(3600); ok && d.HasHand && s.Mode == verdict.Holdover {
		d.HasForecast, d.Forecast = true, dialAngle(hour)
	}
	if s.LimitSeconds != nil {
		d.Limit = arc(dialAngle(*s.LimitSeconds), dialFirst+dialSweep, dialArc)
	}
	if off, ok := contradiction(s); ok {
		d.Marks = append(d.Marks, dialMark{"cross", dialAngle(off)})
	}
	for _, m := range []struct {
		name  string
		value *float64
	}{{"precision", s.PrecisionSeconds}, {"bias", s.BiasSigmaSeconds}, {"told", told(s)}} {
		if m.value != nil && *m.value > 0 {
			d.Marks = append(d.Marks, dialMark{m.name, dialAngle(*m.value)})
		}
	}
	return d
}

// told is the root dispersion while it is served.
func told(s api.Status) *float64 {
	if !verdict.Served(s) {
		return nil
	}
	return s.RootDispersionSeconds
}

// dialAngle returns where an error in seconds stands; beyond the scale it rests at the end.
func dialAngle(seconds float64) float64 {
	if !(seconds > dialLeast) {
		return dialFirst
	}
	return dialFirst + dialSweep*min(1, math.Log10(seconds/dialLeast)/dialDecades)
}

// face is the part of the dial that never changes.
var face = func() dial {
	var d dial
	var major, minor strings.Builder
	for decade := range dialDecades + 1 {
		value := dialLeast * math.Pow10(decade)
		angle := dialAngle(value)
		line(&major, angle, 112, 126)
		x, y := polar(angle, 86)
		d.Labels = append(d.Labels, dialLabel{x, y + 4, dialText[decade]})
		for n := 2; n < 10 && decade < dialDecades; n++ {
			line(&minor, dialAngle(value*float64(n)), 119, 126)
		}
	}
	d.Major, d.Minor = major.String(), minor.String()
	d.Track = arc(dialFirst, dialFirst+dialSweep, dialArc)
	return d
}()

var dialText = [dialDecades + 1]string{"10\u00a0ns", "100\u00a0ns", "1\u00a0µs", "10\u00a0µs", "100\u00a0µs", "1\u00a0ms", "10\u00a0ms", "100\u00a0ms"}

// polar returns the point at an angle clockwise from the top.
func polar(degrees, radius float64) (x, y float64) {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	return radius * sin, -radius * cos
}

func line(b *strings.Builder, angle, from, to float64) {
	x1, y1 := polar(angle, from)
	x2, y2 := polar(angle, to)
	fmt.Fprintf(b, "M%s %sL%s %s", px(x1), px(y1), px(x2), px(y2))
}

// arc returns a part of a circle between two angles, "" when it has no length.
func arc(from, to, radius float64) string {
	if to-from < 0.1 {
		return ""
	}
	x1, y1 := polar(from, radius)
	x2, y2 := polar(to, radius)
	large := 0
	if to-from > 180 {
		large = 1
	}
	return fmt.Sprintf("M%s %sA%g %g 0 %d 1 %s %s", px(x1), px(y1), radius, radius, large, px(x2), px(y2))
}

// contradiction returns by how much witnesses say that a unit in quarantine is wrong: the least of them, so that it is not
// made worse than all agree on.
func contradiction(s api.Status) (off float64, ok bool) {
	if s.Mode != verdict.Quarantine {
		return 0, false
	}
	for _, w := range s.Witnesses {
		if w.State == "disagrees" && w.OffsetSeconds != nil {
			if by := math.Abs(*w.OffsetSeconds); !ok || by < off {
				off, ok = by, true
			}
		}
	}
	return off, ok
}
