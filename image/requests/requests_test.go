package requests

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRequestsAreFollowedOnce(t *testing.T) {
	config := File{Name: Config, Stamp: "c", Content: []byte("[log]\n")}
	network := File{Name: Network, Stamp: "n", Content: []byte("dhcp = true\n")}
	wrong := File{Name: Config, Stamp: "c", Content: []byte("x"), Err: errors.New("no")}
	lost := File{Name: Network, Stamp: "n", Content: []byte("x"), Err: errors.New("no")}
	reset, admin := File{Name: FactoryReset, Stamp: "f"}, File{Name: ResetAdmin, Stamp: "a"}
	other := []byte("other")
	type did struct {
		Do   Do
		Name string
	}
	tests := []struct {
		name  string
		found []File
		kept  Kept
		want  []did
	}{
		{"nothing there", nil, Kept{}, nil},
		{"first start", []File{config, network}, Kept{}, []did{{TakeConfig, Config}, {TakeNetwork, Network}}},
		{"second start, the files still there", []File{config, network}, Kept{Config: config.Content, Network: network.Content}, nil},
		{"second start, files changed", []File{config, network}, Kept{Config: other, Network: other}, []did{{PassConfig, Config}, {PassNetwork, Network}}},
		{"a wrong file waits to be mended", []File{wrong, lost}, Kept{}, []did{{RefuseConfig, Config}, {RefuseNetwork, Network}}},
		{"a wrong file that is not asked", []File{wrong}, Kept{Config: other}, []did{{PassConfig, Config}}},
		{"an empty configuration is one", []File{config}, Kept{Config: []byte{}}, []did{{PassConfig, Config}}},
		{"reset of accounts alone", []File{admin}, Kept{Config: other}, []did{{ForgetAdmin, ResetAdmin}}},
		{"reset of all takes settings anew", []File{config, network, admin, reset}, Kept{Config: other, Network: other}, []did{
			{Empty, FactoryReset}, {ForgetAdmin, ResetAdmin}, {TakeConfig, Config}, {TakeNetwork, Network},
		}},
		{"reset of all with the same settings", []File{config, reset}, Kept{Config: config.Content}, []did{{Empty, FactoryReset}, {TakeConfig, Config}}},
		{"done, and could not be removed", []File{admin, reset}, Kept{Config: other, Done: []string{"a", "f"}}, nil},
		{"asked again after that", []File{admin}, Kept{Done: []string{"an older a"}}, []did{{ForgetAdmin, ResetAdmin}}},
		{"two of a name: the first counts", []File{config, wrong}, Kept{}, []did{{TakeConfig, Config}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []did
			for _, s := range Decide(tt.found, tt.kept) {
				got = append(got, did{s.Do, s.File.Name})
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEveryThingToDoHasWords(t *testing.T) {
	seen := map[string]bool{}
	for do := Empty; do <= PassNetwork; do++ {
		if s := do.String(); s == "" || s == "nothing" || seen[s] {
			t.Errorf("%d is called %q", do, s)
		} else {
			seen[s] = true
		}
	}
	if got := (PassNetwork + 1).String(); got != "nothing" {
		t.Errorf("beyond the last: %q", got)
	}
}
