package page

import (
	"time"

	"timeball/web/api"
	"timeball/web/figure"
	"timeball/web/verdict"
)

// mark is one of the numbers under the verdict, with the mark it has on the dial and in the budget.
type mark struct{ Mark, Name, Value, What string }

// marks returns precision, bias, bound and what NTP can say of it: never one number for all.
func marks(s api.Status) []mark {
	bias := figure.Unknown
	if s.BiasSeconds != nil && s.BiasSigmaSeconds != nil {
		bias = figure.PlusMinus(*s.BiasSeconds, *s.BiasSigmaSeconds)
	}
	bound := mark{"bound", "Bound", boundWords(s), "contains the truth"}
	if bound.Value == "" {
		bound.Value, bound.What = "no bound", "not known how wrong"
	}
	told := mark{"told", "Told by NTP", "nothing", "answers say “not synchronised”"}
	if verdict.Served(s) {
		told.Value, told.What = duration(s.RootDispersionSeconds, 4), "root dispersion, in steps of 15.26\u00a0µs"
	}
	return []mark{
		{"precision", "Precision", duration(s.PrecisionSeconds, 2), "1\u00a0σ of the loop"},
		{"bias", "Bias, removed", bias, "edge capture, 1\u00a0σ"},
		bound,
		told,
	}
}

// note says what follows from the verdict.
func note(s api.Status) string {
	if !verdict.Served(s) {
		return "NTP answers say “not synchronised” (leap indicator 3), so no client follows this unit by mistake."
	}
	text := "NTP serves stratum\u00a0" + figure.Count(uint64(max(s.Stratum, 0)))
	if s.RootDispersionSeconds != nil {
		text += "; the smallest root dispersion its header can say is " + figure.Duration(*s.RootDispersionSeconds, 4)
	}
	text += "."
	if s.Mode == verdict.Holdover {
		text = "The crystal carries the time alone. "
		if hour, ok := forecastAt(s, 3600); ok {
			text += "In one hour the bound will be " + figure.Bound(hour, 2) + ", if the pulse does not return. "
		}
		text += "This unit stops serving by itself before its time is wrong."
	}
	return text
}

// clockFace is the served clock as people read it.
type clockFace struct {
	Known     bool
	ISO       string // for <time>
	Time      string
	Date      string
	DayOfYear int
}

// newClockFace reads the served clock out of s; it is not known until the unit has locked once.
func newClockFace(s api.Status) clockFace {
	if s.ServedUnixNanoseconds == nil {
		return clockFace{}
	}
	t := time.Unix(0, *s.ServedUnixNanoseconds).UTC()
	return clockFace{
		Known: true, ISO: t.Format("2006-01-02T15:04:05Z"), Time: t.Format("15:04:05"), Date: t.Format("2006-01-02"), DayOfYear: t.YearDay(),
	}
}

// boundWords returns "≤ 1.9 µs", or "" when there is no bound.
func boundWords(s api.Status) string {
	seconds, ok := verdict.Bound(s)
	if !ok {
		return ""
	}
	return "≤\u00a0" + figure.Bound(seconds, 2)
}

func duration(seconds *float64, digits int) string {
	if seconds == nil {
		return figure.Unknown
	}
	return figure.Duration(*seconds, digits)
}

func offset(seconds *float64) string {
	if seconds == nil {
		return figure.Unknown
	}
	return figure.Offset(*seconds)
}
