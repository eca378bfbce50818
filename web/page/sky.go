package page

import (
	"slices"
	"strconv"
	"strings"

	"timeball/web/api"
	"timeball/web/figure"
)

// sky is what the antenna hears: where the satellites stand and how strong they are.
type sky struct {
	Plot    []skyMark
	Systems []skySystem
	Rows    []skyRow
}

// skyMark is one satellite on the plot, in a disc of radius 150 with the zenith at its centre.
type skyMark struct {
	Shape, Class string
	X, Y         float64
	ID           int
	Used         bool
}

// skySystem is one system's signal strengths as columns.
type skySystem struct {
	Name, Shape, Class string
	Used, Seen         int
	Width              float64
	Columns            []skyColumn
}

type skyColumn struct {
	X, Y, Height float64
	ID           int
	Used         bool
}

type skyRow struct{ Name, ID, Elevation, Azimuth, CN0, Used string }

// Each system has a shape and a colour of its own, in this order.
var systems = []struct{ name, shape, class string }{
	{"GPS", "disc", "gps"},
	{"BeiDou", "triangle", "bds"},
	{"Galileo", "square", "gal"},
	{"GLONASS", "diamond", "glo"},
	{"QZSS", "cross", "qzs"},
	{"NavIC", "ring", "qzs"},
	{"SBAS", "ring", "qzs"},
	{"", "ring", "qzs"},
}

const (
	skyRadius   = 150.0
	columnPitch = 26.0
	columnTop   = 80.0 // height of the strongest column
	strongest   = 55.0 // dB-Hz: more than any satellite reaches
	maxSeen     = 128  // satellites shown: more than any receiver tracks
)

func (m maker) skyPanel() Panel {
	p := Panel{ID: "sky", Answer: m.skyAnswer(), Facts: m.skyFacts()}
	view := Block{ID: "sky-view", Body: empty{m.Say("sky.empty.title"), m.Say("sky.empty.text")}}
	if len(m.s.Satellites) > 0 {
		view.Body = m.newSky(m.s.Satellites[:min(len(m.s.Satellites), maxSeen)])
	}
	against := Block{ID: "sky-conditions", Body: empty{m.Say("sky.conditions"), m.Say("not-reported")}}
	if t, worst, ok := m.conditionsTable(); ok && len(t.Rows) > 0 {
		against.Body, p.Mark = t, levels[worst].shape
	} else if ok {
		against.Body = empty{m.Say("sky.conditions"), m.Say("sky.conditions.none")}
	}
	p.Blocks = []Block{view, against, {ID: "sky-latency", Body: m.latencyChart()}}
	return p
}

// skyFacts are what the receiver and its line say of themselves.
func (m maker) skyFacts() (facts []Fact) {
	unknown := func(v *string) string {
		if v == nil {
			return figure.Unknown
		}
		return *v
	}
	facts = []Fact{{m.Say("sky.receiver"), unknown(m.s.Receiver)}}
	if m.s.Serial != nil {
		facts = append(facts, Fact{m.Say("sky.line"), m.Heard(*m.s.Serial)})
	}
	return facts
}

func (m maker) skyAnswer() string {
	s, seen := m.s, map[string]bool{}
	for _, sat := range s.Satellites {
		if sat.Used {
			seen[sat.System] = true
		}
	}
	text := ""
	switch {
	case s.SatellitesUsed == nil && len(s.Satellites) == 0:
		return m.Say("sky.nothing")
	case s.SatellitesUsed == nil:
		text = m.Count("sky.heard", len(s.Satellites))
	case *s.SatellitesUsed <= 0:
		text = m.Say("sky.none-used")
	case len(seen) > 1:
		text = m.Count("sky.used-of", *s.SatellitesUsed, "systems", count(len(seen)))
	default:
		text = m.Count("sky.used", *s.SatellitesUsed)
	}
	if n := len(s.Conditions); n > 0 {
		return m.Stop(m.Clauses(text, m.Count("sky.against", n)))
	} else if s.Conditions != nil {
		return m.Stop(m.Clauses(text, m.Say("sky.well")))
	}
	return m.Stop(text)
}

func (m maker) newSky(seen []api.Satellite) sky {
	var v sky
	for _, system := range systems {
		one := skySystem{Name: system.name, Shape: system.shape, Class: system.class}
		if one.Name == "" {
			one.Name = m.Say("sky.others")
		}
		for _, sat := range sorted(seen, system.name) {
			v.add(&one, sat, m)
		}
		if one.Seen > 0 {
			one.Width = max(1, float64(len(one.Columns))) * columnPitch
			v.Systems = append(v.Systems, one)
		}
	}
	return v
}

// add puts one satellite on the plot, into its system's columns and into the table.
func (v *sky) add(one *skySystem, sat api.Satellite, m maker) {
	one.Seen++
	if sat.Used {
		one.Used++
	}
	row := skyRow{Name: one.Name, ID: strconv.Itoa(sat.ID), Elevation: degrees(sat.ElevationDegrees), Azimuth: degrees(sat.AzimuthDegrees), CN0: figure.Unknown, Used: m.Say("sky.tracked")}
	if sat.Used {
		row.Used = m.Say("sky.in-use")
	}
	if sat.CN0DBHz != nil {
		row.CN0 = trimZeros(strconv.FormatFloat(*sat.CN0DBHz, 'f', 1, 64))
		height := columnTop * max(0, min(1, *sat.CN0DBHz/strongest))
		one.Columns = append(one.Columns, skyColumn{X: columnPitch * float64(len(one.Columns)), Y: columnTop - height, Height: height, ID: sat.ID, Used: sat.Used})
	}
	v.Rows = append(v.Rows, row)
	if sat.ElevationDegrees != nil && sat.AzimuthDegrees != nil && *sat.ElevationDegrees >= 0 && *sat.ElevationDegrees <= 90 {
		x, y := polar(float64(*sat.AzimuthDegrees), skyRadius*float64(90-*sat.ElevationDegrees)/90)
		v.Plot = append(v.Plot, skyMark{Shape: one.Shape, Class: one.Class, X: x, Y: y, ID: sat.ID, Used: sat.Used})
	}
}

// sorted returns the satellites of one system by number; "" takes those of no known system.
func sorted(seen []api.Satellite, system string) []api.Satellite {
	var of []api.Satellite
	for _, sat := range seen {
		known := slices.ContainsFunc(systems, func(s struct{ name, shape, class string }) bool { return s.name == sat.System })
		if sat.System == system || system == "" && !known {
			of = append(of, sat)
		}
	}
	slices.SortFunc(of, func(a, b api.Satellite) int { return a.ID - b.ID })
	return of
}

func degrees(n *int) string {
	if n == nil {
		return figure.Unknown
	}
	return strings.Replace(strconv.Itoa(*n), "-", "−", 1) + "°"
}
