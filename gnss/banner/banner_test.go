package banner

import (
	"strings"
	"testing"

	"timeball/gnss"
)

func TestAntenna(t *testing.T) {
	for _, tt := range []struct {
		line string
		want gnss.Antenna
		ok   bool
	}{
		{"ANTSTATUS=OK", gnss.AntennaOK, true}, // LEA-5H
		{"ANTSTATUS=OPEN", gnss.AntennaOpen, true},
		{"ANTSTATUS=SHORT", gnss.AntennaShort, true},
		{"ANTSTATUS=INIT", gnss.AntennaUnknown, true},
		{"ANTSTATUS=DONTKNOW", gnss.AntennaUnknown, true},
		{"ANTENNA OPEN", gnss.AntennaOpen, true}, // AT6558
		{"ANTENNA SHORT", gnss.AntennaShort, true},
		{"ANTENNA OK", gnss.AntennaOK, true},
		{"ANT_OPEN", gnss.AntennaOpen, true}, // Unicore
		{"ANTSUPERV=AC SD PDoS SR", gnss.AntennaUnknown, false},
		{"ANTSTATUS=", gnss.AntennaUnknown, false},
		{"my ANTENNA OPEN", gnss.AntennaUnknown, false},
		{"", gnss.AntennaUnknown, false},
	} {
		if got, ok := Antenna(tt.line); got != tt.want || ok != tt.ok {
			t.Errorf("Antenna(%q) = %v, %v, want %v, %v", tt.line, got, ok, tt.want, tt.ok)
		}
	}
}

func TestIdentityIsTheBestThatWasTold(t *testing.T) {
	var id Identity
	steps := []struct {
		name  string
		learn func()
		want  string
		known int
	}{
		{"nothing", func() {}, "", 0},
		{"no sentence of a maker", func() { id.Address("GNRMC"); id.Address(""); id.Address("PXXX") }, "", 0},
		{"a maker by address", func() { id.Address("PUBX") }, "u-blox", 1},
		{"the first maker stays", func() { id.Address("PMTK010"); id.Maker("CASIC") }, "u-blox", 1},
		{"a chip", func() { id.Text("HW UBX-M8030 00080000") }, "u-blox UBX-M8030", 2},
		{"a text without a name", func() { id.Text("MOD= ") }, "u-blox UBX-M8030", 2},
		{"a module", func() { id.Text("MOD=NEO-M8T-0") }, "u-blox NEO-M8T-0", 3},
		{"another chip", func() { id.Chip("generation 8") }, "u-blox NEO-M8T-0", 3},
		{"another maker by its own name", func() { id.Text("MA=CASIC") }, "CASIC NEO-M8T-0", 3},
	}
	for _, s := range steps {
		s.learn()
		if got := id.String(); got != s.want || id.Known() != s.known {
			t.Errorf("%s: %q, %d, want %q, %d", s.name, got, id.Known(), s.want, s.known)
		}
	}
}

func TestLineCanBeShown(t *testing.T) {
	for in, want := range map[string]string{
		"  a b\x00 ": "a b.", "<b>\x1b[31m\xff": "<b>.[31m.", strings.Repeat("x", 500): strings.Repeat("x", maxText), "": "",
	} {
		if got := Line(in); got != want {
			t.Errorf("Line(%q) = %q, want %q", in, got, want)
		}
	}
}
