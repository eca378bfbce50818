package form

import "strings"

// Line is one line of a difference between two texts.
type Line struct {
	Sign   string // "+", "−", " " or "…" where lines are left out
	Number int    // in the new text, of a removed line in the old one
	Text   string
}

// Kind names a line for the style sheet.
func (l Line) Kind() string {
	switch l.Sign {
	case "+":
		return "new"
	case "−":
		return "old"
	}
	return "same"
}

const (
	around   = 3       // lines shown before and after a change
	maxLines = 4 << 20 // products of lines compared: above it the middle is shown as all new
)

// Diff returns what has changed from old to new, with some lines around it; nothing when they are the same.
func Diff(old, new string) []Line {
	a, b := lines(old), lines(new)
	begin := 0
	for begin < len(a) && begin < len(b) && a[begin] == b[begin] {
		begin++
	}
	end := 0
	for end < len(a)-begin && end < len(b)-begin && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	if begin == len(a) && begin == len(b) {
		return nil
	}
	var all []Line
	for i := range begin {
		all = append(all, Line{" ", i + 1, b[i]})
	}
	all = append(all, middle(a[begin:len(a)-end], b[begin:len(b)-end], begin)...)
	for i := len(b) - end; i < len(b); i++ {
		all = append(all, Line{" ", i + 1, b[i]})
	}
	return shorten(all)
}

func lines(text string) []string {
	text = strings.TrimSuffix(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// middle compares by the longest common subsequence; at is the number of lines before.
func middle(a, b []string, at int) []Line {
	common := make([][]int32, len(a)+1)
	small := (len(a)+1)*(len(b)+1) <= maxLines
	if small {
		for i := range common {
			common[i] = make([]int32, len(b)+1)
		}
		for i := len(a) - 1; i >= 0; i-- {
			for j := len(b) - 1; j >= 0; j-- {
				if a[i] == b[j] {
					common[i][j] = common[i+1][j+1] + 1
				} else {
					common[i][j] = max(common[i+1][j], common[i][j+1])
				}
			}
		}
	}
	var all []Line
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case small && i < len(a) && j < len(b) && a[i] == b[j]:
			all = append(all, Line{" ", at + j + 1, b[j]})
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || !small || common[i+1][j] >= common[i][j+1]):
			all = append(all, Line{"−", at + i + 1, a[i]})
			i++
		default:
			all = append(all, Line{"+", at + j + 1, b[j]})
			j++
		}
	}
	return all
}

// shorten leaves out what is far from any change.
func shorten(all []Line) []Line {
	near := make([]bool, len(all))
	for i, l := range all {
		if l.Sign == " " {
			continue
		}
		for k := max(0, i-around); k < min(len(all), i+around+1); k++ {
			near[k] = true
		}
	}
	var shown []Line
	for i, l := range all {
		switch {
		case near[i]:
			shown = append(shown, l)
		case i == 0 || near[i-1]:
			shown = append(shown, Line{Sign: "…"})
		}
	}
	return shown
}
