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

func skyPanel(s api.Status) *Panel {
	p := &Panel{ID: "sky", Title: "Sky", Question: "What does the antenna hear?", Answer: skyAnswer(s)}
	if s.Receiver != nil {
		p.Facts = append(p.Facts, Fact{"Receiver", *s.Receiver})
	}
	if s.Serial != nil {
		p.Facts = append(p.Facts, Fact{"Line", *s.Serial})
	}
	if len(s.Satellites) == 0 {
		p.Body = empty{"No view of the sky yet", "The satellites appear here when the receiver tells which ones it hears; most do so within a minute of a free view."}
		return p
	}
	p.Body = newSky(s.Satellites[:min(len(s.Satellites), maxSeen)])
	return p
}

func skyAnswer(s api.Status) string {
	seen := map[string]bool{}
	for _, sat := range s.Satellites {
		if sat.Used {
			seen[sat.System] = true
		}
	}
	switch {
	case s.SatellitesUsed == nil && len(s.Satellites) == 0:
		return "**Nothing yet**: the receiver has not told."
	case s.SatellitesUsed == nil:
		return "**" + count(len(s.Satellites), "satellite") + "** heard."
	case *s.SatellitesUsed <= 0:
		return "**No satellite** is used."
	case len(seen) > 0:
		return "**" + count(*s.SatellitesUsed, "satellite") + "** of " + count(len(seen), "system") + " in use."
	}
	return "**" + count(*s.SatellitesUsed, "satellite") + "** in use."
}

func newSky(seen []api.Satellite) sky {
	var v sky
	for _, system := range systems {
		one := skySystem{Name: system.name, Shape: system.shape, Class: system.class}
		if one.Name == "" {
			one.Name = "Others"
		}
		for _, sat := range sorted(seen, system.name) {
			v.add(&one, sat)
		}
		if one.Seen > 0 {
			one.Width = max(1, float64(len(one.Columns))) * columnPitch
			v.Systems = append(v.Systems, one)
		}
	}
	return v
}

// add puts one satellite on the plot, into its system's columns and into the table.
func (v *sky) add(one *skySystem, sat api.Satellite) {
	one.Seen++
	if sat.Used {
		one.Used++
	}
	row := skyRow{Name: one.Name, ID: strconv.Itoa(sat.ID), Elevation: degrees(sat.ElevationDegrees), Azimuth: degrees(sat.AzimuthDegrees), CN0: figure.Unknown, Used: "no"}
	if sat.Used {
		row.Used = "yes"
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

func count(n int, what string) string {
	text := figure.Count(uint64(max(n, 0))) + "\u00a0" + what
	if n != 1 {
		text += "s"
	}
	return text
}
