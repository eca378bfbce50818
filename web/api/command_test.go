package api

import (
	"strings"
	"testing"
)

func TestCommandIsOneOfTheList(t *testing.T) {
	tests := []struct {
		name string
		c    Command
		want string // part of the error; "" = none
	}{
		{"reading", Command{Name: CommandConfigRead}, ""},
		{"a fault", Command{Name: CommandFault, Fault: &Fault{Name: "jam"}}, ""},
		{"nothing", Command{}, "no command"},
		{"a shell", Command{Name: "sh -c reboot"}, "no command"},
		{"another case", Command{Name: "Restart"}, "no command"},
		{"a long name", Command{Name: strings.Repeat("x", 1e6)}, "no command"},
		{"a long file", Command{Name: CommandConfigApply, Text: strings.Repeat("#", MaxConfig+1)}, "bytes"},
		{"many fields", Command{Name: CommandConfigCheck, Set: make([]Setting, maxSet+1)}, "fields"},
		{"a long trial", Command{Name: CommandConfigConfirm, Trial: strings.Repeat("1", maxWord+1)}, "bytes"},
		{"a fault without name", Command{Name: CommandFault}, "no fault"},
	}
	for _, tt := range tests {
		err := tt.c.Check()
		if (err == nil) != (tt.want == "") || err != nil && (!strings.Contains(err.Error(), tt.want) || len(err.Error()) > 200) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	for _, name := range Commands() {
		if err := (Command{Name: name, Fault: &Fault{}}).Check(); err != nil {
			t.Errorf("%s of the list: %v", name, err)
		}
	}
}
