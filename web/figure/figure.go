// Package figure writes quantities the way the page and the tool show them.
//
// It takes seconds, fractional frequencies and counts and returns text for people: the unit chosen so that the number
// stays between 1 and 1000 and joined to it by a no-break space, a real minus, thousands parted by a no-break space. A
// bound is rounded up, everything else to nearest. What is not known, not finite or not possible is Unknown, never 0.
package figure

import (
	"math"
	"strconv"
	"strings"
)

// Unknown stands where a value is not known; a measured zero is "0".
const Unknown = "–"

const (
	space = "\u00a0"
	minus = "−"
)

// Unit is a unit of time.
type Unit struct {
	Name    string  // as written, "µs"
	Seconds float64 // of one
	power   int     // Seconds is ten to this
}

// The units of time, from short to long.
var (
	Nanosecond  = Unit{"ns", 1e-9, -9}
	Microsecond = Unit{"µs", 1e-6, -6}
	Millisecond = Unit{"ms", 1e-3, -3}
	Second      = Unit{"s", 1, 0}
)

// UnitFor returns the unit in which seconds, written with the given number of significant digits, is at least 1 and below
// 1000. Below a nanosecond it stays with nanoseconds, above 1000 seconds with seconds.
func UnitFor(seconds float64, digits int) Unit {
	if seconds == 0 {
		return Nanosecond
	}
	_, exp := round(math.Abs(seconds), digits, nearest)
	return unitOf(exp)
}

func unitOf(exp int) Unit {
	for _, u := range []Unit{Second, Millisecond, Microsecond} {
		if exp >= u.power {
			return u
		}
	}
	return Nanosecond
}

// Format writes seconds in the unit with a fixed number of decimals, without the unit's name.
func (u Unit) Format(seconds float64, decimals int) string {
	if !finite(seconds) {
		return Unknown
	}
	return decimal(seconds/u.Seconds, decimals)
}

// Decimals returns how many decimals seconds needs in the unit to show the given number of significant digits.
func (u Unit) Decimals(seconds float64, digits int) int {
	_, exp := round(math.Abs(seconds), digits, nearest)
	return max(0, digits-1-(exp-u.power))
}

// Bound writes a bound in seconds, rounded up to the given number of significant digits: "1.9 µs". It is "" for what can
// not be a bound (negative, infinite, not a number); the caller says that in words.
func Bound(seconds float64, digits int) string {
	if !finite(seconds) || seconds < 0 {
		return ""
	}
	return significant(seconds, digits, up)
}

// Duration writes an error or a sigma in seconds to nearest with the given number of significant digits, unsigned:
// "104 ns".
func Duration(seconds float64, digits int) string {
	if !finite(seconds) {
		return Unknown
	}
	return significant(seconds, digits, nearest)
}

// Offset writes an offset in seconds with its sign and three significant digits: "−221 ns". Tenths of a nanosecond are the
// least it shows.
func Offset(seconds float64) string {
	if !finite(seconds) {
		return Unknown
	}
	u := UnitFor(seconds, 3)
	places := u.Decimals(seconds, 3)
	if u == Nanosecond {
		places = min(places, 1)
	}
	return signed(decimal(seconds/u.Seconds, places)) + space + u.Name
}

// PlusMinus writes a value in seconds with its sigma, the sigma with two digits and the value to the same place:
// "+5.18 ± 0.27 µs".
func PlusMinus(seconds, sigma float64) string {
	if !finite(seconds) || !finite(sigma) || sigma < 0 {
		return Unknown
	}
	u := UnitFor(max(math.Abs(seconds), sigma), 2)
	places := 0
	if sigma > 0 {
		places = u.Decimals(sigma, 2)
	}
	return signed(decimal(seconds/u.Seconds, places)) + space + "±" + space + decimal(sigma/u.Seconds, places) + space + u.Name
}

// Frequency writes a fractional frequency in ppm with its sign: "−7.354 ppm".
func Frequency(ratio float64) string {
	if !finite(ratio) {
		return Unknown
	}
	return signed(decimal(ratio*1e6, 3)) + space + "ppm"
}

// FrequencySigma writes a fractional frequency and its sigma in ppm: "−7.3540 ± 0.0021 ppm".
func FrequencySigma(ratio, sigma float64) string {
	if !finite(ratio) || !finite(sigma) || sigma <= 0 {
		return Frequency(ratio)
	}
	_, exp := round(sigma*1e6, 2, nearest)
	places := min(max(0, 1-exp), 6)
	return signed(decimal(ratio*1e6, places)) + space + "±" + space + decimal(sigma*1e6, places) + space + "ppm"
}

// Celsius writes a temperature with one decimal: "47.3 °C".
func Celsius(degrees float64) string {
	if !finite(degrees) {
		return Unknown
	}
	return decimal(degrees, 1) + space + "°C"
}

// Percent writes a share of one as a whole number: 0.34 is "34 %".
func Percent(share float64) string {
	if !finite(share) {
		return Unknown
	}
	return decimal(share*100, 0) + space + "%"
}

// Count writes a whole number with its thousands parted: "86 398".
func Count(n uint64) string {
	return group(strconv.FormatUint(n, 10))
}

// Span writes how long something has lasted, in seconds, with at most two units and never more than has passed: "3 d 4 h",
// "47 min".
func Span(seconds float64) string {
	if !finite(seconds) || seconds < 0 {
		return Unknown
	}
	units := []struct {
		name    string
		seconds float64
	}{{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}}
	for i, u := range units {
		if seconds < u.seconds && i < len(units)-1 {
			continue
		}
		n := math.Floor(seconds / u.seconds)
		text := decimal(n, 0) + space + u.name
		if rest := seconds - n*u.seconds; u.seconds > 60 && rest >= units[i+1].seconds {
			text += space + decimal(math.Floor(rest/units[i+1].seconds), 0) + space + units[i+1].name
		}
		return text
	}
	return Unknown
}

// Decimal writes a plain number with a fixed number of decimals: "−1 234.5".
func Decimal(v float64, places int) string {
	if !finite(v) {
		return Unknown
	}
	return decimal(v, places)
}

// Signed puts a plus before a number above zero that Decimal wrote.
func Signed(text string) string {
	if text == Unknown {
		return text
	}
	return signed(text)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// signed puts the sign on a number decimal wrote; zero has none.
func signed(text string) string {
	if strings.HasPrefix(text, minus) || strings.Trim(text, "0.") == "" {
		return text
	}
	return "+" + text
}

// decimal writes v with a fixed number of decimals; what rounds to zero has no sign.
func decimal(v float64, places int) string {
	text := strconv.FormatFloat(math.Abs(v), 'f', places, 64)
	whole, part, _ := strings.Cut(text, ".")
	text = group(whole)
	if part != "" {
		text += "." + part
	}
	if v < 0 && strings.Trim(text, "0.") != "" {
		return minus + text
	}
	return text
}

// group parts the thousands of a whole number by a no-break space.
func group(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + space + digits[i:]
	}
	return digits
}

type rounding bool

const (
	nearest rounding = false
	up      rounding = true
)

// significant writes seconds with the given number of significant digits and its unit.
func significant(seconds float64, digits int, how rounding) string {
	if seconds == 0 {
		return "0" + space + "ns"
	}
	mantissa, exp := round(math.Abs(seconds), digits, how)
	u := unitOf(exp)
	text := place(mantissa, exp-u.power)
	if seconds < 0 {
		text = minus + text
	}
	return text + space + u.Name
}

// round returns the first digits of v > 0 and the power of ten of the first. It works on the shortest decimal that names v:
// 1.9e-6 is no exact binary number and must stay 1.9 when rounded up.
func round(v float64, digits int, how rounding) (mantissa string, exp int) {
	if how == nearest {
		m, e, _ := strings.Cut(strconv.FormatFloat(v, 'e', digits-1, 64), "e")
		exp, _ = strconv.Atoi(e)
		return strings.Replace(m, ".", "", 1), exp
	}
	m, e, _ := strings.Cut(strconv.FormatFloat(v, 'e', -1, 64), "e")
	exp, _ = strconv.Atoi(e)
	all := strings.Replace(m, ".", "", 1)
	if len(all) <= digits {
		return all + strings.Repeat("0", digits-len(all)), exp
	}
	n, _ := strconv.Atoi(all[:digits])
	mantissa = strconv.Itoa(n + 1)
	if len(mantissa) > digits {
		return mantissa[:digits], exp + 1
	}
	return mantissa, exp
}

// place puts the decimal point after the digit of ten to the power exp.
func place(mantissa string, exp int) string {
	switch n := exp + 1; {
	case n <= 0:
		return "0." + strings.Repeat("0", -n) + mantissa
	case n >= len(mantissa):
		return group(mantissa + strings.Repeat("0", n-len(mantissa)))
	default:
		return mantissa[:n] + "." + mantissa[n:]
	}
}
