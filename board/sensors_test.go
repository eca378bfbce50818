package board

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"testing"
	"testing/fstest"
)

func TestThermometersPutsProcessorFirst(t *testing.T) {
	root := fstest.MapFS{
		"sys/class/thermal/thermal_zone0/type": file("rp1_adc\n"),
		"sys/class/thermal/thermal_zone0/temp": file("51000\n"),
		"sys/class/thermal/thermal_zone1/type": file("cpu-thermal\n"),
		"sys/class/thermal/thermal_zone1/temp": file("47712\n"),
		"sys/class/thermal/cooling_device0/x":  file(""),
	}
	all, err := Thermometers(root)
	if err != nil || len(all) != 2 || all[0].Name != "cpu-thermal" || all[1].Name != "rp1_adc" {
		t.Fatalf("Thermometers = %v, %v, want cpu-thermal, rp1_adc", all, err)
	}
	if got, err := all[0].Read(); err != nil || got != 47.712 {
		t.Errorf("Read() = %v, %v, want 47.712", got, err)
	}
}

func TestThermometerErrors(t *testing.T) {
	if _, err := Thermometers(fstest.MapFS{}); !errors.Is(err, ErrNoSensor) {
		t.Errorf("Thermometers: %v, want ErrNoSensor", err)
	}
	root := fstest.MapFS{"sys/class/thermal/thermal_zone0/type": file("cpu-thermal\n")}
	all, err := Thermometers(root)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := all[0].Read(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Read: %v, want ErrNotExist", err)
	}
	root["sys/class/thermal/thermal_zone0/temp"] = file("warm\n")
	const want = `thermal zone cpu-thermal: "warm" is no temperature`
	if _, err := all[0].Read(); err == nil || err.Error() != want {
		t.Errorf("Read: %v, want %s", err, want)
	}
}

func TestUtilisation(t *testing.T) {
	type reading struct {
		stat  string
		share float64
		ok    bool
	}
	tests := []struct {
		name  string
		reads []reading
	}{
		{"half busy, then idle", []reading{
			{"cpu  100 0 0 300 0 0 0 0 0 0\ncpu0 1 1 1 1\n", 0.25, true},
			{"cpu  150 0 0 350 0 0 0 0 0 0\n", 0.5, true},
			{"cpu  150 0 0 450 0 0 0 0 0 0\n", 0, true},
		}},
		{"iowait is idle, interrupts and steal are not", []reading{
			{"cpu  0 0 0 0 0 0 0 0 0 0\n", 0, false},
			{"cpu  0 0 0 10 70 5 5 10 0 0\n", 0.2, true},
		}},
		{"guest time is not counted twice", []reading{{"cpu  50 0 0 50 0 0 0 0 50 0\n", 0.5, true}}},
		{"no tick since", []reading{
			{"cpu  50 0 0 50 0 0 0 0 0 0\n", 0.5, true},
			{"cpu  50 0 0 50 0 0 0 0 0 0\n", 0, false},
		}},
		{"iowait that goes back", []reading{
			{"cpu  50 0 0 50 10 0 0 0 0 0\n", 50.0 / 110, true},
			{"cpu  60 0 0 50 5 0 0 0 0 0\n", 0, false},
			{"cpu  70 0 0 60 5 0 0 0 0 0\n", 0.5, true},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := fstest.MapFS{}
			u := NewUtilisation(root)
			for i, r := range tt.reads {
				root["proc/stat"] = file(r.stat)
				share, ok, err := u.Read()
				if err != nil || ok != r.ok || math.Abs(share-r.share) > 1e-12 {
					t.Errorf("reading %d = %v, %v, %v, want %v, %v", i, share, ok, err, r.share, r.ok)
				}
			}
		})
	}
}

func TestUtilisationRefusesOddFiles(t *testing.T) {
	for _, stat := range []string{"", "cpu", "cpu 1 2 3 4\n", "cpu0 1 2 3 4 5 6 7 8\n", "cpu 1 2 x 4 5\n", "cpu -1 2 3 4 5\n"} {
		u := NewUtilisation(fstest.MapFS{"proc/stat": file(stat)})
		if _, ok, err := u.Read(); ok || err == nil {
			t.Errorf("%q was taken", stat)
		}
	}
	if _, _, err := NewUtilisation(fstest.MapFS{}).Read(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no proc/stat: %v, want ErrNotExist", err)
	}
}

func TestSensorsOfThisMachine(t *testing.T) {
	if _, _, err := NewUtilisation(os.DirFS("/")).Read(); err != nil {
		t.Error(err)
	}
}
