package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

func sample() figure {
	c := chart{
		x: linear("x <&> (s)", -1, 3, 1), y: decades("y", -9, -6), bands: [][2]float64{{0, 1}},
		series: []series{
			{name: `a "quoted" & b`, colour: blue, points: []point{{0, 1e-9}, {1, math.NaN()}, {2, 0}, {3, 1e-3}}},
			{name: "filled", colour: red, filled: true, dashed: true, points: []point{{-5, 1e-8}, {3, 1e-7}}},
			{name: "nothing", colour: grey},
		},
	}
	return figure{title: "a < b", charts: []chart{c, c}}
}

func TestFigureIsWellFormedAndTheSameEachTime(t *testing.T) {
	f := sample()
	first := f.svg()
	if second := f.svg(); !bytes.Equal(first, second) {
		t.Error("drawn twice, the figure differs")
	}
	for _, odd := range []string{"NaN", "Inf", "%!"} {
		if strings.Contains(string(first), odd) {
			t.Errorf("the drawing contains %s:\n%s", odd, first)
		}
	}
	d, elements := xml.NewDecoder(bytes.NewReader(first)), 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v\n%s", err, first)
		}
		if _, ok := token.(xml.StartElement); ok {
			elements++
		}
	}
	if elements < 40 {
		t.Errorf("%d elements, want at least 40", elements)
	}
}

func TestColdStartComesOutTheSameTwice(t *testing.T) {
	var drawn [2][]byte
	for i := range drawn {
		u, err := observe(1, coldTime, coldTime, 50e6, 2e-5)
		if err != nil {
			t.Fatal(err)
		}
		f := coldFigure([]unit{u})
		drawn[i] = f.svg()
	}
	if !bytes.Equal(drawn[0], drawn[1]) {
		t.Error("the same seed gives two drawings")
	}
}

func TestAxisLabels(t *testing.T) {
	var got []string
	d, l := decades("", -9, 0), linear("", -2, 1, 1)
	for _, tick := range append(d.ticks, l.ticks...) {
		got = append(got, tick.label)
	}
	const want = "1 ns|10 ns|100 ns|1 µs|10 µs|100 µs|1 ms|10 ms|100 ms|1 s|-2|-1|0|1"
	if strings.Join(got, "|") != want {
		t.Errorf("labels %q, want %q", strings.Join(got, "|"), want)
	}
}
