package card

import (
	"slices"
	"testing"
)

func TestLoaderReadsWhatIsMeantForItsBoard(t *testing.T) {
	const config = "kernel=a\n[pi3]\ndtoverlay=disable-bt\n[pi4]\ndtoverlay=four\nkernel=b\n[all]\ndtoverlay=both\n[none]\nkernel=c\n[tryboot]\nkernel=d\n"
	for _, tt := range []struct {
		name     string
		loader   Loader
		kernel   string
		overlays []string
	}{
		{"a board that is none of them", Loader{}, "a", []string{"both"}},
		{"a Pi 3", Loader{Board: []string{"pi3"}}, "a", []string{"disable-bt", "both"}},
		{"a Pi 400", Loader{Board: []string{"pi4", "pi400"}}, "b", []string{"four", "both"}},
		{"a start that is tried", Loader{Tryboot: true}, "d", []string{"both"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			kernel, overlays := tt.loader.value(config, "kernel"), tt.loader.values(config, "dtoverlay")
			if kernel != tt.kernel || !slices.Equal(overlays, tt.overlays) {
				t.Errorf("kernel %q, overlays %q, want %q and %q", kernel, overlays, tt.kernel, tt.overlays)
			}
		})
	}
}
