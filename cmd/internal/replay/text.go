package replay

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// WriteText writes the summary for a person to read.
func (s Summary) WriteText(w io.Writer) error {
	var b strings.Builder
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-16s "+format+"\n", append([]any{name}, args...)...)
	}
	row("receiver", "%s", said(s.Receiver))
	row("first UTC", "%s", date(s.FirstUTCRaw, s.FirstUTC))
	for _, c := range s.Candidates[min(1, len(s.Candidates)):] {
		row("or", "%s, %d weeks after what was sent", c.UTC, c.Weeks)
	}
	row("last UTC", "%s", date(s.LastUTCRaw, s.LastUTC))
	row("time marks", "%d", s.Marks)
	used := "not said"
	if s.SatellitesUsedMax != nil {
		used = fmt.Sprint(*s.SatellitesUsedMax)
	}
	row("fixes", "%d, satellites used at most: %s", s.Fixes, used)
	row("leap second", "%s", said(s.Leap))
	if s.LeapSeconds != nil {
		row("GPS - UTC", "%d s", *s.LeapSeconds)
	}
	row("NMEA", "%s", types(s.Packets.NMEA))
	row("UBX", "%s", types(s.Packets.UBX))
	row("CASIC", "%s", types(s.Packets.CASIC))
	row("RTCM3", "%d", s.Packets.RTCM3)
	row("bad checksums", "NMEA %d, UBX %d, CASIC %d", s.BadChecksums.NMEA, s.BadChecksums.UBX, s.BadChecksums.CASIC)
	row("refused", "%s", types(s.Refused))
	if len(s.Conditions) > 0 {
		row("conditions", "%s", strings.Join(s.Conditions, ", "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func said(s *string) string {
	if s == nil {
		return "not said"
	}
	return *s
}

func date(raw, repaired *string) string {
	if raw == nil || *raw == *repaired {
		return said(raw)
	}
	return fmt.Sprintf("%s, sent as %s", *repaired, *raw)
}

// types returns counts in the order of their names.
func types(counts map[string]int) string {
	if len(counts) == 0 {
		return "none"
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(parts, ", ")
}
