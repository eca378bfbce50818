package boot

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// deaf makes a file of the kernel's that takes whatever is written and goes on as it was.
func deaf(t *testing.T, b *boot, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(b.path(path)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(os.DevNull, b.path(path)); err != nil {
		t.Fatal(err)
	}
}

// What the kernel does not take is seen by reading it back, logged, and told where it makes the time worse.
func TestTuningIsReadBack(t *testing.T) {
	const (
		governor = "/sys/devices/system/cpu/cpufreq/policy0/scaling_governor"
		policy   = "/sys/module/pcie_aspm/parameters/policy"
		device   = "/sys/bus/pci/devices/0000:00:00.0"
		panics   = "/proc/sys/kernel/panic"
	)
	tests := []struct {
		name   string
		deaf   []string
		plain  map[string]string // others
		noted  []string
		logged []string
	}{
		{name: "a board that has none of it"},
		{"all is taken", nil, map[string]string{governor: "ondemand\n", policy: "x", device + "/link/l1_aspm": "1\n", panics: "0\n"}, nil, nil},
		{"the governor stays", []string{governor}, nil, []string{"goes on changing its frequency"}, []string{"file=" + governor, "value=performance"}},
		{"the policy stays, and there is PCI Express", []string{policy}, map[string]string{device + "/vendor": "0x14e4\n"}, []string{"(policy )"}, []string{policy}},
		{"the policy stays, and nothing is there to sleep", []string{policy}, nil, nil, []string{policy}},
		{"a link goes on to sleep", []string{device + "/link/l1_aspm"}, map[string]string{device + "/link/l0s_aspm": "1\n"}, []string{"(l1_aspm)"}, []string{"l1_aspm"}},
		{"another setting stays", []string{panics}, nil, nil, []string{panics}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, _ := card(t)
			var log bytes.Buffer
			b.log = slog.New(slog.NewTextHandler(&log, nil))
			for _, path := range tt.deaf {
				deaf(t, b, path)
			}
			for path, text := range tt.plain {
				put(t, b, path, text)
			}
			b.tune()
			notices := b.report.get().Notices
			if len(notices) != len(tt.noted) || len(notices) == 1 && !strings.Contains(notices[0], tt.noted[0]) {
				t.Errorf("told %q, want %q", notices, tt.noted)
			}
			if n := strings.Count(log.String(), "not as it was set"); n != len(tt.deaf) {
				t.Errorf("%d lines about it, want %d:\n%s", n, len(tt.deaf), &log)
			}
			for _, want := range tt.logged {
				if !strings.Contains(log.String(), want) {
					t.Errorf("the log has no %q:\n%s", want, &log)
				}
			}
		})
	}
	for text, want := range map[string]string{
		"performance\n": "performance", "default [powersave] performance\n": "powersave", "4\t4\t1\t4\n": "4 4 1 4", "": "", "[]": "",
	} {
		if got := chosen(text); got != want {
			t.Errorf("%q says %q, want %q", text, got, want)
		}
	}
}
