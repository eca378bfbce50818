package gpiopps

import "testing"

func TestOffset(t *testing.T) {
	tests := []struct {
		name string
		want int
		err  string
	}{
		{"18", 18, ""},
		{"0", 0, ""},
		{"GPIO4", 4, ""},
		{"P1_12", 18, ""}, // Raspberry Pi documentation, 40-pin header: pin 12 is GPIO 18
		{"P1_7", 4, ""},
		{"P1_8", 14, ""},
		{"P1_40", 21, ""},
		{"P1_6", 0, `"P1_6": this header pin is GROUND, not a GPIO`},
		{"P1_1", 0, `"P1_1": this header pin is 3.3V, not a GPIO`},
		{"1024", 0, `"1024": line number out of range`},
		{"P1_41", 0, `"P1_41": neither a line number, a name like GPIO18 nor a header pin from P1_1 to P1_40`},
		{"", 0, `"": neither a line number, a name like GPIO18 nor a header pin from P1_1 to P1_40`},
		{"-1", 0, `"-1": neither a line number, a name like GPIO18 nor a header pin from P1_1 to P1_40`},
		{"018", 0, `"018": neither a line number, a name like GPIO18 nor a header pin from P1_1 to P1_40`},
		{"+18", 0, `"+18": neither a line number, a name like GPIO18 nor a header pin from P1_1 to P1_40`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Offset(tt.name)
			if got != tt.want || errorText(err) != tt.err {
				t.Errorf("Offset(%q) = %d, %v, want %d, %s", tt.name, got, err, tt.want, tt.err)
			}
		})
	}
}

func TestHeaderHasItsGPIOs(t *testing.T) {
	seen := map[int]string{}
	for name := range headerPins {
		if n, err := Offset(name); err == nil {
			if seen[n] != "" {
				t.Errorf("%s and %s are both line %d", name, seen[n], n)
			}
			seen[n] = name
		}
	}
	for n := range 28 { // GPIO 0 to 27 are on the header, and no other
		if seen[n] == "" {
			t.Errorf("no header pin is GPIO %d", n)
		}
	}
	if len(headerPins) != 40 || len(seen) != 28 {
		t.Errorf("%d pins with %d GPIOs, want 40 with 28", len(headerPins), len(seen))
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"default", func(*Config) {}, ""},
		{"path", func(c *Config) { c.Chip = "/dev/gpiochip4" }, ""},
		{"falling edge of a header pin", func(c *Config) { c.Line, c.Edge = "P1_7", "falling" }, ""},
		{"no chip", func(c *Config) { c.Chip = "" }, `config: pps.chip: "": neither "auto", a GPIO device nor a chip's label`},
		{"chip elsewhere", func(c *Config) { c.Chip = "/tmp/chip" }, `config: pps.chip: "/tmp/chip": neither "auto", a GPIO device nor a chip's label`},
		{"ground", func(c *Config) { c.Line = "P1_39" }, `config: pps.line: "P1_39": this header pin is GROUND, not a GPIO`},
		{"edge", func(c *Config) { c.Edge = "both" }, `config: pps.edge: "both": neither "rising" nor "falling"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := Default()
			tt.change(&c)
			if got := errorText(c.Validate()); got != tt.want {
				t.Errorf("Validate(%+v) = %q, want %q", c, got, tt.want)
			}
		})
	}
}
