package web

import (
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"testing"
)

// shelf is a Store in memory that can be full.
type shelf struct {
	files map[string][]byte
	full  error
}

func (s *shelf) Save(name string, data []byte) error {
	if s.full == nil {
		s.files[name] = data
	}
	return s.full
}

func (s *shelf) Load(name string, _ int) ([]byte, error) {
	if data, ok := s.files[name]; ok {
		return data, nil
	}
	return nil, fs.ErrNotExist
}

// The claim page gives the unit its name and the local time that its page shows; they live through a restart.
func TestClaimNamesTheUnit(t *testing.T) {
	v := newVisit(t)
	kept := &shelf{files: map[string][]byte{}}
	v.s.config.Store = kept
	v.wants(v.get("/claim"), 200, `name="unit" value="tb-a"`, `<option value="">that of whoever looks</option>`, "<option>Asia/Shanghai</option>")
	claim := func(name, zone, code string) []string {
		return []string{"code", code, "password", secret, "again", secret, "unit", name, "zone", zone}
	}
	for _, name := range []string{"", " ", strings.Repeat("x", 65), "a\nb", "a\u202eb", "\xff"} {
		v.wants(v.post("/claim", claim(name, "", claimCode)...), 422, "1 to 64 characters")
	}
	v.wants(v.post("/claim", claim("Tower 3", "Mars/Olympus", claimCode)...), 422, "one of the list")
	v.wants(v.post("/claim", claim("<b>Tower 3</b>", "Asia/Shanghai", "WRONG")...), 403, `value="&lt;b&gt;Tower 3&lt;/b&gt;"`, "<option selected>Asia/Shanghai</option>")
	v.wants(v.post("/claim", claim("<b>Tower 3</b>", "Asia/Shanghai", claimCode)...), http.StatusSeeOther)
	v.wants(v.get("/"), 200, "&lt;b&gt;Tower 3&lt;/b&gt;</title>", `data-zone="Asia/Shanghai"`)
	v.wants(v.post("/account/unit", "unit", "Tower 4", "zone", ""), 200, "calls this unit Tower 4 now")
	if got := v.recorded()[0]; got != "unit-name admin true" {
		t.Errorf("the record has %q", got)
	}
	kept.full = errors.New("no space left")
	v.wants(v.post("/account/unit", "unit", "Tower 5", "zone", ""), 500, "no space left", `value="Tower 5"`)
	w := v.get("/")
	v.wants(w, 200, "Tower 4</title>")
	if strings.Contains(w.Body.String(), "data-zone") {
		t.Error("a local time is prescribed")
	}
	again := newVisit(t)
	if err := again.s.naming.recall(kept); err != nil {
		t.Fatal(err)
	}
	again.wants(again.get("/"), 200, "Tower 4</title>")
}

func TestDamagedNameIsNotUsed(t *testing.T) {
	for _, data := range []string{"", "{", `{"name":"","zone":""}`, `{"name":"x","zone":"Mars/Olympus"}`} {
		var n naming
		if err := n.recall(&shelf{files: map[string][]byte{identityFile: []byte(data)}}); err == nil || n.get() != (identity{}) {
			t.Errorf("%q: %+v, %v", data, n.get(), err)
		}
	}
}
