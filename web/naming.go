package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"timeball/web/form"
)

// identity is what people call the unit, and the local time that its page shows beside UTC.
type identity struct {
	Name string `json:"name"`
	Zone string `json:"zone"` // of the IANA data base; "" = that of whoever looks
}

const (
	identityFile = "unit"
	maxIdentity  = 1 << 10 // bytes
	maxName      = 64      // characters
)

// zones are the local times to choose from. The viewer's browser knows their rules.
var zones = []string{
	"Africa/Cairo", "Africa/Johannesburg", "Africa/Lagos", "Africa/Nairobi",
	"America/Anchorage", "America/Argentina/Buenos_Aires", "America/Bogota", "America/Chicago", "America/Denver", "America/Halifax",
	"America/Los_Angeles", "America/Mexico_City", "America/New_York", "America/Phoenix", "America/Santiago", "America/Sao_Paulo",
	"America/St_Johns", "America/Toronto",
	"Asia/Almaty", "Asia/Bangkok", "Asia/Dhaka", "Asia/Dubai", "Asia/Ho_Chi_Minh", "Asia/Hong_Kong", "Asia/Jakarta", "Asia/Jerusalem",
	"Asia/Karachi", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Kuala_Lumpur", "Asia/Manila", "Asia/Riyadh", "Asia/Seoul", "Asia/Shanghai",
	"Asia/Singapore", "Asia/Taipei", "Asia/Tashkent", "Asia/Tehran", "Asia/Tokyo", "Asia/Urumqi", "Asia/Yangon",
	"Atlantic/Azores", "Atlantic/Reykjavik",
	"Australia/Adelaide", "Australia/Brisbane", "Australia/Perth", "Australia/Sydney",
	"Europe/Amsterdam", "Europe/Athens", "Europe/Berlin", "Europe/Dublin", "Europe/Helsinki", "Europe/Istanbul", "Europe/Kyiv",
	"Europe/Lisbon", "Europe/London", "Europe/Madrid", "Europe/Moscow", "Europe/Paris", "Europe/Prague", "Europe/Rome",
	"Europe/Stockholm", "Europe/Warsaw", "Europe/Zurich",
	"Pacific/Auckland", "Pacific/Fiji", "Pacific/Honolulu",
}

// naming keeps what the unit is called. The zero value calls it by its host name.
type naming struct {
	mu sync.Mutex
	is identity
}

// recall takes what was kept; what can't be is not used.
func (n *naming) recall(store Store) error {
	if store == nil {
		return nil
	}
	data, err := store.Load(identityFile, maxIdentity)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var is identity
	if err == nil {
		err = json.Unmarshal(data, &is)
	}
	if err == nil && !is.valid() {
		err = fmt.Errorf("%q, %q", is.Name, is.Zone)
	}
	if err != nil {
		return fmt.Errorf("name of the unit: %w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.is = is
	return nil
}

func (n *naming) get() identity {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.is
}

// set changes it, and keeps it where there is a store.
func (n *naming) set(store Store, is identity) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if store != nil {
		data, err := json.Marshal(is)
		if err == nil {
			err = store.Save(identityFile, data)
		}
		if err != nil {
			return fmt.Errorf("name of the unit: not kept, and nothing changed: %w", err)
		}
	}
	n.is = is
	return nil
}

var errNaming = errors.New("no name of a unit, or no local time of the list")

// valid says that people can read the name, and that the local time is of the list.
func (is identity) valid() bool {
	n := utf8.RuneCountInString(is.Name)
	return utf8.ValidString(is.Name) && n >= 1 && n <= maxName && strings.TrimSpace(is.Name) == is.Name &&
		!strings.ContainsFunc(is.Name, func(r rune) bool { return !unicode.IsPrint(r) }) && (is.Zone == "" || slices.Contains(zones, is.Zone))
}

// identity returns what the unit is called: by its admin or else by its host name.
func (s *Server) identity() identity {
	is := s.naming.get()
	if is.Name == "" {
		is.Name = s.config.Name
	}
	return is
}

// unitForm is the form of the name as it is, or as it was typed.
func (s *Server) unitForm(r *http.Request) form.Unit {
	is := s.identity()
	if r.Method == http.MethodPost && r.PostForm.Has("unit") {
		is = identityIn(r)
		if len(is.Name) > maxIdentity {
			is.Name = ""
		}
	}
	return form.Unit{Name: is.Name, Zone: is.Zone, Zones: zones}
}

// identityIn returns what a form says.
func identityIn(r *http.Request) identity {
	return identity{strings.TrimSpace(r.PostForm.Get("unit")), r.PostForm.Get("zone")}
}

// nameUnit changes what the unit is called.
func (s *Server) nameUnit(w http.ResponseWriter, r *http.Request) {
	if !s.parsed(w, r) {
		return
	}
	is := identityIn(r)
	err := errNaming
	if is.valid() {
		err = s.naming.set(s.config.Store, is)
	}
	s.did(r, "unit-name", is.Name, err)
	s.answerAccount(w, r, err, "door.named", is.Name, nil)
}
