package alarm

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"timeball/web/api"
)

// A file is gzip, whose checksum covers all of it, of JSON.
type file struct {
	Timeball string   `json:"timeball"` // "alarms"
	Version  int      `json:"version"`
	Next     uint64   `json:"next"`
	Dropped  uint64   `json:"dropped"`
	Events   []*event `json:"events"`
}

const (
	fileName    = "alarms"
	fileVersion = 1

	// MaxFileBytes is more than Encode ever writes.
	MaxFileBytes = 1 << 20
)

// Encode writes all events.
func (a *Alarms) Encode(w io.Writer) error {
	f := file{Timeball: fileName, Version: fileVersion, Next: a.next, Dropped: a.dropped}
	f.Events = append(f.Events, a.events...)
	z := gzip.NewWriter(w)
	if err := json.NewEncoder(z).Encode(f); err != nil {
		return err
	}
	return z.Close()
}

// Restore takes what Encode wrote, before the first Take. What was so then has ended with that run.
func (a *Alarms) Restore(from io.Reader) error {
	z, err := gzip.NewReader(from)
	if err != nil {
		return fmt.Errorf("events: %w", err)
	}
	all, err := io.ReadAll(io.LimitReader(z, MaxFileBytes+1))
	if err != nil {
		return fmt.Errorf("events: %w", err)
	}
	if len(all) > MaxFileBytes {
		return fmt.Errorf("events: more than %d bytes", MaxFileBytes)
	}
	var f file
	if err := json.Unmarshal(all, &f); err != nil {
		return fmt.Errorf("events: %w", err)
	}
	if err := f.check(); err != nil {
		return fmt.Errorf("events: %w", err)
	}
	a.events, a.next, a.dropped = f.Events, f.Next, f.Dropped
	return nil
}

func (f *file) check() error {
	switch {
	case f.Timeball != fileName || f.Version != fileVersion:
		return fmt.Errorf("a file %.20q of version %d: %q of version %d is read", f.Timeball, f.Version, fileName, fileVersion)
	case len(f.Events) > MaxEvents+len(rules):
		return fmt.Errorf("%d events", len(f.Events))
	case f.Next == 0:
		return errors.New("no next number")
	}
	for i, e := range f.Events {
		switch {
		case e == nil || e.ID == 0 || e.ID >= f.Next || e.Name == "" || e.Count < 1 || len(e.With)%2 != 0:
			return fmt.Errorf("event %d of %d says too little", i, len(f.Events))
		case !slices.Contains([]string{api.SeverityAlarm, api.SeverityWarning, api.SeverityNote}, e.Severity):
			return fmt.Errorf("event %d: severity %.20q", e.ID, e.Severity)
		}
	}
	return nil
}
