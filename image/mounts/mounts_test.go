package mounts

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var usual = Places{Boot: []Place{{Number: 1}}, Perm: Place{Number: 7}}

func TestCommandLineMovesPartitions(t *testing.T) {
	tests := []struct {
		name, line string
		want       Places
		wrong      string // part of the error; "" = none
	}{
		{"nothing said", "root=PARTUUID=54424c31-05 ro quiet\n", usual, ""},
		{"empty", "", usual, ""},
		{"others by number", "timeball.boot=2,1 timeball.perm=3", Places{[]Place{{Number: 2}, {Number: 1}}, Place{Number: 3}}, ""},
		{"a device", "timeball.perm=/dev/vdb", Places{usual.Boot, Place{Path: "/dev/vdb"}}, ""},
		{"the last one counts", "timeball.perm=3 timeball.perm=4", Places{usual.Boot, Place{Number: 4}}, ""},
		{"no number", "timeball.perm=seven", Places{usual.Boot, Place{}}, `"seven"`},
		{"no partition 0", "timeball.perm=0", Places{usual.Boot, Place{}}, `"0"`},
		{"too large", "timeball.boot=256", Places{nil, usual.Perm}, `"256"`},
		{"one of two wrong", "timeball.boot=1,x", Places{[]Place{{Number: 1}}, usual.Perm}, `"x"`},
		{"no path outside /dev", "timeball.perm=/etc/passwd", Places{usual.Boot, Place{}}, "/etc/passwd"},
		{"a name that begins alike", "timeball.perms=9", usual, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(tt.line, usual)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if (err == nil) != (tt.wrong == "") || (err != nil && !strings.Contains(err.Error(), tt.wrong)) {
				t.Errorf("error %v, want %q", err, tt.wrong)
			}
		})
	}
}

func TestPlaceNamesItsDevice(t *testing.T) {
	tests := []struct {
		place      Place
		disk, want string
	}{
		{Place{Number: 7}, "mmcblk0", "/dev/mmcblk0p7"},
		{Place{Number: 7}, "nvme0n1", "/dev/nvme0n1p7"},
		{Place{Number: 1}, "vda", "/dev/vda1"},
		{Place{Number: 1}, "", ""},
		{Place{Path: "/dev/vdb"}, "", "/dev/vdb"},
		{Place{}, "vda", ""},
	}
	for _, tt := range tests {
		if got := tt.place.Device(tt.disk); got != tt.want {
			t.Errorf("%v on %q = %q, want %q", tt.place, tt.disk, got, tt.want)
		}
	}
}

// Whatever holds data that others can write lends itself to nothing else.
func TestDataIsOnlyData(t *testing.T) {
	for _, m := range []Mount{
		BootFrom("/dev/x"), PermFrom("/dev/x", Perm), PermUnwritable("/dev/x", Lower, true), PermUnwritable("/dev/x", Lower, false), PermInRAM(), PermOver(), Below(),
	} {
		if m.Flags&(NoDev|NoSuid|NoExec) != NoDev|NoSuid|NoExec {
			t.Errorf("%s on %s has flags %b", m.Type, m.Target, m.Flags)
		}
	}
	if BootFrom("/dev/x").Flags&ReadOnly == 0 {
		t.Error("the boot partition is writable")
	}
	for _, m := range Kernel() {
		if m.Flags&(NoSuid|NoExec) != NoSuid|NoExec {
			t.Errorf("%s has flags %b", m.Target, m.Flags)
		}
		if m.Type == "tmpfs" && !strings.Contains(m.Options, "size=") {
			t.Errorf("%s may fill the memory", m.Target)
		}
	}
}
