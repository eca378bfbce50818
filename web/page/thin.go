package page

// Axes are labelled for a wide page. What would touch on a narrower one has a class by which the style hides it there: it needs
// no script, and the labels at both ends, of which the last has the unit, stay.
//
// widths are the narrowest plots, in pixels, that each class is for: a label of class[i] is hidden where the plot is narrower
// than widths[i-1], the first everywhere.
var (
	widths  = [...]float64{480, 330, 240, 165, 138, 76}
	classes = [...]string{"t0", "t480", "t330", "t240", "t165", "t138"}
)

const apart = 6.0 // px between labels

// thinned returns ticks with their classes.
func thinned(ticks []tick) []tick {
	out := make([]tick, len(ticks))
	copy(out, ticks)
	for level, width := range widths {
		last := len(out) - 1
		before := 0
		for i := 1; i < last; i++ {
			switch {
			case out[i].Class != "":
			case near(out[before], out[i], width) || near(out[i], out[last], width):
				out[i].Class = classes[level]
			default:
				before = i
			}
		}
	}
	return out
}

// near says that two labels would touch on a plot of so many pixels.
func near(a, b tick, width float64) bool {
	_, right := a.extent(width)
	left, _ := b.extent(width)
	return left-right < apart
}

// extent returns where a label begins and ends, in pixels.
func (t tick) extent(width float64) (left, right float64) {
	const latin, ideograph = 6.8, 12.5 // px a character of 12 px has, about
	w := 0.0
	for _, r := range t.Text {
		if r >= 0x2e80 {
			w += ideograph
		} else {
			w += latin
		}
	}
	x := t.Percent / 100 * width
	switch t.Anchor {
	case "start":
		return x, x + w
	case "end":
		return x - w, x
	}
	return x - w/2, x + w/2
}
