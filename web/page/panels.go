package page

import (
	"math"
	"strconv"
	"strings"

	"timeball/web/api"
	"timeball/web/figure"
	"timeball/web/verdict"
)

// empty says what will be where nothing is yet, and when.
type empty struct{ Title, Text string }

// ruler shows several widths around UTC on one axis, in thousandths of its width; 500 is UTC.
type ruler struct {
	Rows []rulerRow
	Axis []tick
}

type rulerRow struct {
	Name, What, Mark, Value string
	Band                    bar
	Kind                    string  // band, dot or limit
	At                      float64 // of a dot
}

func loopPanel(s api.Status) *Panel {
	p := &Panel{ID: "loop", Title: "Loop", Question: "Does the clock follow the pulse?"}
	p.Answer = loopAnswer(s)
	p.Facts = []Fact{
		{"Offset now", offset(s.OffsetSeconds)},
		{"Precision, 1\u00a0σ", duration(s.PrecisionSeconds, 2)},
		{"Pulses used", figure.Count(s.PulsesAccepted)},
		{"Pulses refused", figure.Count(s.PulsesRefused)},
	}
	if s.Mode == verdict.Quarantine {
		p.Body = empty{"Not shown in quarantine", "The clock’s place around UTC is reckoned from a pulse that is not believed."}
		return p
	}
	if s.OffsetSeconds == nil || s.PrecisionSeconds == nil || boundWords(s) == "" {
		p.Body = empty{"No pulse has been measured yet", "The clock’s place around UTC appears here with the first pulse that is given its second."}
		return p
	}
	p.Body = newRuler(s)
	return p
}

func loopAnswer(s api.Status) string {
	pulses := "no pulse judged yet."
	if all := s.PulsesAccepted + s.PulsesRefused; all > 0 {
		pulses = figure.Count(s.PulsesAccepted) + " of " + figure.Count(all) + "\u00a0pulses used."
	}
	switch {
	case s.Mode == verdict.Locked && s.PrecisionSeconds != nil:
		return "Yes: to **" + figure.Duration(*s.PrecisionSeconds, 2) + "** (1\u00a0σ), " + pulses
	case s.Mode == verdict.Holdover:
		return "It did; for **" + figure.Span(s.ModeSeconds) + "** it has run on what was learned."
	case s.Mode == verdict.Acquiring:
		return "Not yet: the loop settles on the pulse, " + pulses
	case s.Mode == verdict.Quarantine:
		return "It follows a pulse that is **not believed**."
	}
	return "No: there is **no pulse** to follow."
}

func newRuler(s api.Status) ruler {
	top, axis := symmetricAxis(*s.BoundSeconds)
	at := func(v float64) float64 { return 500 + 500*max(-1, min(1, v/top)) }
	band := func(half float64) bar { return bar{X: at(-half), Width: at(half) - at(-half)} }
	r := ruler{Axis: axis, Rows: []rulerRow{
		{Name: "Offset", What: "best estimate, local minus reference", Value: figure.Offset(*s.OffsetSeconds), Kind: "dot", At: at(*s.OffsetSeconds) / 10},
		{Name: "Precision", What: "1\u00a0σ of that estimate", Mark: "precision", Value: "±\u00a0" + figure.Duration(*s.PrecisionSeconds, 2), Kind: "band", Band: band(*s.PrecisionSeconds)},
	}}
	if s.BiasSeconds != nil && s.BiasSigmaSeconds != nil {
		r.Rows = append(r.Rows, rulerRow{
			Name: "Bias", What: "1\u00a0σ of what is left of " + figure.Offset(*s.BiasSeconds) + " removed", Mark: "bias",
			Value: "±\u00a0" + figure.Duration(*s.BiasSigmaSeconds, 2), Kind: "band", Band: band(*s.BiasSigmaSeconds),
		})
	}
	r.Rows = append(r.Rows, rulerRow{Name: "Bound", What: "contains UTC", Mark: "bound", Value: "±\u00a0" + figure.Bound(*s.BoundSeconds, 2), Kind: "limit", Band: band(*s.BoundSeconds)})
	if s.SimErrorSeconds != nil {
		r.Rows = append(r.Rows, rulerRow{Name: "True error", What: "only a simulated board can know it", Mark: "true", Value: figure.Offset(*s.SimErrorSeconds), Kind: "cross", At: at(*s.SimErrorSeconds) / 10})
	}
	return r
}

// symmetricAxis returns the half width of a round axis around zero that holds greatest, and its ticks.
func symmetricAxis(greatest float64) (top float64, ticks []tick) {
	top, _ = niceAxis(greatest)
	unit := figure.UnitFor(top, 3)
	for i := range 5 {
		v := top * (float64(i)/2 - 1)
		t := tick{Percent: 25 * float64(i), Anchor: "middle", Text: trimZeros(unit.Format(v, 2))}
		switch {
		case i == 0:
			t.Anchor = "start"
		case i == 4:
			t.Anchor, t.Text = "end", "+"+t.Text+"\u00a0"+unit.Name
		case i == 3:
			t.Text = "+" + t.Text
		}
		ticks = append(ticks, t)
	}
	return top, ticks
}

// oscillatorPanel is there once the crystal's frequency is known.
func oscillatorPanel(s api.Status) *Panel {
	if s.FrequencyRatio == nil {
		return nil
	}
	y := *s.FrequencyRatio
	p := &Panel{ID: "oscillator", Title: "Oscillator", Question: "What is the crystal doing?"}
	p.Answer = "Runs **" + strings.TrimLeft(figure.Frequency(y), "+−") + " " + pace(y) + "**; left alone the clock would move " +
		figure.Offset(y*86400) + " a day."
	sigma := 0.0
	if s.FrequencySigmaRatio != nil {
		sigma = *s.FrequencySigmaRatio
	}
	p.Body = facts{{"Frequency, 1\u00a0σ", figure.FrequencySigma(y, sigma)}, {"A day", figure.Offset(y * 86400)}}
	if s.TemperatureCelsius != nil {
		p.Body = append(p.Body.(facts), Fact{"Temperature of the board", figure.Celsius(*s.TemperatureCelsius)})
	}
	if s.Utilisation != nil {
		p.Body = append(p.Body.(facts), Fact{"Processor in use", figure.Percent(*s.Utilisation)})
	}
	return p
}

// facts is a panel's body made of figures alone.
type facts []Fact

func pace(y float64) string {
	if y < 0 {
		return "slow"
	}
	return "fast"
}

func ntpPanel(s api.Status) *Panel {
	p := &Panel{ID: "ntp", Title: "NTP", Question: "What do we answer?"}
	p.Answer = "**" + figure.Count(s.RequestsAnswered) + "** requests answered, **" + figure.Count(s.RequestsRefused) + "** refused."
	p.Facts = []Fact{{"Answered", figure.Count(s.RequestsAnswered)}, {"Refused", figure.Count(s.RequestsRefused)}}
	leap := map[string]string{"none": "0, no leap second", "insert": "1, a second is inserted today", "delete": "2, a second is left out today"}[s.Leap]
	body := facts{{"Leap indicator", leap}, {"Stratum", strconv.Itoa(s.Stratum)}, {"Reference ID", figure.Unknown}, {"Root dispersion", duration(told(s), 4)}}
	if s.RefID != nil {
		body[2].Value = *s.RefID
	}
	if !verdict.Served(s) {
		body = facts{{"Leap indicator", "3, not synchronised"}, {"Stratum on the wire", "0"}, {"Stratum in the API", "16"}}
	}
	if s.TAIOffsetSeconds != nil {
		body = append(body, Fact{"TAI − UTC", strconv.Itoa(*s.TAIOffsetSeconds) + "\u00a0s"})
	}
	if words := verdict.LeapSeconds(s); words != "" {
		body = append(body, Fact{"Leap seconds", words})
	}
	p.Body = body
	return p
}

// simPanel is there on a simulated board only: there the truth is known.
func simPanel(s api.Status) *Panel {
	if !s.Simulated {
		return nil
	}
	p := &Panel{ID: "sim", Title: "Simulated board", Question: "Is the bound true?"}
	p.Answer = "The antenna, the pulse and the crystal are **mathematics** here; this machine’s own clock is not touched."
	if s.SimErrorSeconds == nil {
		p.Body = facts{{"True error now", figure.Unknown}}
		return p
	}
	body := facts{{"True error now", figure.Offset(*s.SimErrorSeconds)}, {"Estimated", offset(s.OffsetSeconds)}, {"Bound", "no bound"}}
	if words := boundWords(s); words != "" {
		body[2].Value = words
		inside := "yes"
		if math.Abs(*s.SimErrorSeconds) > *s.BoundSeconds {
			inside = "NO: the bound is wrong"
		}
		body = append(body, Fact{"Truth inside the bound", inside})
	}
	p.Body = body
	return p
}

func trimZeros(text string) string {
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}
