package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type value struct{ A int }

func TestStoreGivesBackWhatWasSaved(t *testing.T) {
	d := Dir(filepath.Join(t.TempDir(), "made", "on demand"))
	for _, want := range []value{{1}, {2}, {3}} {
		if err := d.Save("v.json", want); err != nil {
			t.Fatal(err)
		}
		if got, found, ignored := Load[value](d, "v.json", nil); !found || ignored != nil || got != want {
			t.Errorf("Load = %v, %v, %v, want %v", got, found, ignored, want)
		}
	}
	if files, _ := os.ReadDir(string(d)); len(files) != copies {
		t.Errorf("%d files are left, want %d", len(files), copies)
	}
	if _, found, ignored := Load[value](d, "other.json", nil); found || ignored != nil {
		t.Errorf("what was never saved: found %v, %v", found, ignored)
	}
}

// odd finds odd values plausible.
func odd(v *value) error {
	if v.A%2 == 0 {
		return errors.New("even")
	}
	return nil
}

func TestStoreFallsBackToTheOtherCopy(t *testing.T) {
	whole := func(number uint64, v value) []byte {
		data, _ := json.Marshal(v)
		head, _ := json.Marshal(header{format, number, sum(number, data)})
		return append(append(head, '\n'), data...)
	}
	flipped := whole(9, value{7})
	flipped[len(flipped)-2] ^= 1
	renumbered := []byte(strings.Replace(string(whole(2, value{7})), `"number":2`, `"number":9`, 1))
	other := []byte(strings.Replace(string(whole(9, value{7})), `"timeball_state":1`, `"timeball_state":2`, 1))
	for _, tt := range []struct {
		name     string
		newer    []byte
		want     value
		complain string
	}{
		{"well", whole(9, value{7}), value{7}, ""},
		{"torn", whole(9, value{7})[:40], value{5}, "not whole"},
		{"cut", whole(9, value{7})[:len(whole(9, value{7}))-1], value{5}, "not whole"},
		{"empty", nil, value{5}, "not whole"},
		{"a flipped bit", flipped, value{5}, "not whole"},
		{"a number that is not its own", renumbered, value{5}, "not whole"},
		{"another format", other, value{5}, "format 2"},
		{"huge", make([]byte, maxSize+1), value{5}, "more than"},
		{"implausible", whole(9, value{8}), value{5}, "even"},
		{"older", whole(1, value{7}), value{5}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := Dir(t.TempDir())
			for slot, data := range [][]byte{whole(3, value{5}), tt.newer} {
				if err := os.WriteFile(d.file("v.json", slot), data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, found, ignored := Load(d, "v.json", odd)
			if !found || got != tt.want {
				t.Errorf("Load = %v, %v, want %v", got, found, tt.want)
			}
			if text := fmt.Sprint(ignored); (ignored != nil) != (tt.complain != "") || !strings.Contains(text, tt.complain) || ignored != nil && !strings.Contains(text, "v.1.json") {
				t.Errorf("ignored: %s, want %q of v.1.json", text, tt.complain)
			}
		})
	}
}

func TestStoreSaysWhatCannotBeWritten(t *testing.T) {
	d := Dir(t.TempDir())
	if err := os.WriteFile(filepath.Join(string(d), "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"below a file":    Dir(filepath.Join(string(d), "file")).Save("x", value{}),
		"too much":        d.Save("x", strings.Repeat("x", maxSize/2)),
		"nothing of JSON": d.Save("x", make(chan int)),
	} {
		if err == nil {
			t.Errorf("%s: saved", name)
		}
	}
}

// memory is a disk that can fail at any operation, and can lose at a power cut what was not made durable: data of a file
// from anywhere on, a name that is not synced.
type memory struct {
	failAt int // the operation that fails; it may have been done in part
	done   int
	names  map[string]*content // as programs see it
	kept   map[string]*content // as it is sure to be after a power cut
	random *rand.Rand
}

type content struct {
	data    []byte
	durable bool
}

var errCut = errors.New("no power")

func (m *memory) step() bool { m.done++; return m.done == m.failAt }

func (m *memory) mkdir(string) error { return nil }

func (m *memory) write(file string, data []byte) error {
	c := &content{data: data, durable: true}
	m.names[file] = c
	if m.step() {
		c.data, c.durable = data[:m.random.IntN(len(data)+1)], false
		return errCut
	}
	return nil
}

func (m *memory) rename(from, to string) error {
	failed := m.step()
	if failed && m.random.IntN(2) == 0 {
		return errCut
	}
	m.names[to] = m.names[from]
	delete(m.names, from)
	if failed {
		return errCut
	}
	return nil
}

func (m *memory) sync(string) error {
	if m.step() && m.random.IntN(2) == 0 {
		return errCut
	}
	m.kept = map[string]*content{}
	for name, c := range m.names {
		m.kept[name] = c
	}
	if m.done == m.failAt {
		return errCut
	}
	return nil
}

func (m *memory) read(file string) ([]byte, error) {
	if c := m.names[file]; c != nil {
		return c.data, nil
	}
	return nil, fs.ErrNotExist
}

// cut is the power cut: each name is as it was kept or as programs saw it last.
func (m *memory) cut() {
	after := map[string]*content{}
	for name, c := range m.kept {
		after[name] = c
	}
	for name, c := range m.names {
		if m.random.IntN(2) == 0 {
			after[name] = c
		}
	}
	for name := range after { // a removal that came through
		if m.names[name] == nil && m.random.IntN(2) == 0 {
			delete(after, name)
		}
	}
	m.names, m.failAt = after, 0
	m.kept = map[string]*content{}
	for name, c := range after {
		m.kept[name] = c
	}
}

func TestStoreSurvivesAPowerCutAtEveryWrite(t *testing.T) {
	const operations = 3 // of one Save
	for seed := range uint64(2000) {
		m := &memory{names: map[string]*content{}, kept: map[string]*content{}, random: rand.New(rand.NewPCG(seed, 1))}
		d := Dir("state")
		durable := 0 // the last value whose Save has returned without an error
		for n := 1; n <= 12; n++ {
			if m.random.IntN(3) == 0 {
				m.failAt = m.done + 1 + m.random.IntN(operations)
			}
			err := d.save(m, "v.json", value{n})
			if err == nil {
				durable = n
			} else {
				m.cut()
			}
			got, found, ignored := load[value](m, d, "v.json", nil)
			if found != (durable > 0 || got.A == n) || got.A != durable && got.A != n || ignored != nil {
				t.Fatalf("seed %d: after saving %d (%v): loaded %v, %v, ignored %v; the last sure one is %d", seed, n, err, got, found, ignored, durable)
			}
			durable = got.A
		}
	}
}

func TestStoreReportsEveryFailure(t *testing.T) {
	for at := 1; at <= 3; at++ {
		m := &memory{names: map[string]*content{}, random: rand.New(rand.NewPCG(1, 1)), failAt: at}
		if err := Dir("state").save(m, "v.json", value{1}); !errors.Is(err, errCut) {
			t.Errorf("operation %d fails: %v", at, err)
		}
	}
}

func TestRawKeepsBytesUnderABound(t *testing.T) {
	r := Raw(filepath.Join(t.TempDir(), "made", "on demand"))
	if _, err := r.Load("history", 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
	for _, want := range []string{"one", "two"} {
		if err := r.Save("history", []byte(want)); err != nil {
			t.Fatal(err)
		}
		if got, err := r.Load("history", 3); err != nil || string(got) != want {
			t.Errorf("Load = %q, %v, want %q", got, err, want)
		}
	}
	if _, err := r.Load("history", 2); err == nil {
		t.Error("a file beyond the bound was read")
	}
	if files, _ := os.ReadDir(string(r)); len(files) != 1 {
		t.Errorf("%d files are left, want 1", len(files))
	}
	if share, ok := r.Free(); !ok || share < 0 || share > 1 {
		t.Errorf("%v free, %v", share, ok)
	}
	if _, ok := (r + "/absent").Free(); ok {
		t.Error("a directory that is absent has room")
	}
}
