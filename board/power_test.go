package board

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestPowerIsWhatTheFirmwareSays(t *testing.T) {
	const (
		volt      = "sys/class/hwmon/hwmon1/"
		throttled = "sys/devices/platform/soc/soc:firmware/get_throttled"
	)
	yes, no := true, false
	for _, tt := range []struct {
		name string
		root fstest.MapFS
		want Power
	}{
		{"nothing is told", fstest.MapFS{}, Power{}},
		{"another sensor", fstest.MapFS{"sys/class/hwmon/hwmon0/name": file("cpu_thermal\n"), "sys/class/hwmon/hwmon0/in0_lcrit_alarm": file("1\n")}, Power{}},
		{"well by hwmon", fstest.MapFS{volt + "name": file("rpi_volt\n"), volt + "in0_lcrit_alarm": file("0\n")}, Power{Undervoltage: &no}},
		{"low by hwmon", fstest.MapFS{volt + "name": file("rpi_volt\n"), volt + "in0_lcrit_alarm": file("1\n")}, Power{Undervoltage: &yes}},
		{"no sense by hwmon", fstest.MapFS{volt + "name": file("rpi_volt\n"), volt + "in0_lcrit_alarm": file("\n")}, Power{}},
		{"low and slow", fstest.MapFS{throttled: file("50005\n")}, Power{&yes, &yes}},
		{"was low, is well", fstest.MapFS{throttled: file("50000\n")}, Power{&no, &no}},
		{"too warm", fstest.MapFS{throttled: file("0x80008\n")}, Power{&no, &yes}},
		{"no word", fstest.MapFS{throttled: file("throttled\n")}, Power{}},
		{"the word beats hwmon", fstest.MapFS{volt + "name": file("rpi_volt\n"), volt + "in0_lcrit_alarm": file("0\n"), throttled: file("1\n")}, Power{&yes, &no}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, ReadPower(tt.root)); diff != "" {
				t.Errorf("ReadPower (-want +got):\n%s", diff)
			}
		})
	}
}
