// Package order asks a unit, in the admin's name, for one of the closed list of commands, over https with a bearer token.
//
// The unit's certificate is its own, so it is known by the fingerprint on its console, or checked as the system does. A
// token is never sent over plain http. What the unit refuses is an error with its reason; control characters are replaced.
package order

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"timeball/cmd/internal/bundle"
	"timeball/web/api"
)

// Options say which unit, and who asks.
type Options struct {
	Unit        string // https URL
	Token       string // of the admin
	Fingerprint string // SHA-256 of the unit's certificate in hexadecimal; "": it is checked as the system does
}

const (
	patience  = 20 * time.Second // the unit may ask new servers first
	maxAnswer = 1 << 20          // bytes
)

// Do sends a command and returns what became of it. A result that failed is an error as well.
func Do(ctx context.Context, o Options, c api.Command) (api.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := send(ctx, o, c)
	if err == nil && r.State == api.Failed {
		err = errors.New(bundle.Printable(r.Message))
	}
	if err != nil {
		return r, fmt.Errorf("%s of %s: %w", c.Name, o.Unit, err)
	}
	return r, nil
}

func send(ctx context.Context, o Options, c api.Command) (r api.Result, err error) {
	base, err := url.Parse(o.Unit)
	switch {
	case err != nil || base.Host == "" || base.Scheme != "https":
		return r, errors.New("an https address is needed, as the unit says it when it starts")
	case o.Token == "":
		return r, errors.New("a token is needed: -token, or TIMEBALL_TOKEN")
	}
	pinned, err := bundle.Pin(o.Fingerprint)
	if err != nil {
		return r, err
	}
	text, err := json.Marshal(c)
	if err != nil {
		return r, err
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, base.JoinPath("/api/v1/command").String(), bytes.NewReader(text))
	if err != nil {
		return r, err
	}
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("Authorization", "Bearer "+o.Token)
	// A unit is a neighbour: no proxy, and no other address than the one that was named.
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, TLSClientConfig: pinned},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := client.Do(q)
	if err != nil {
		if failed := (*url.Error)(nil); errors.As(err, &failed) {
			err = failed.Err
		}
		return r, fmt.Errorf("no answer: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return r, err
	}
	if json.Unmarshal(body, &r) != nil || answer.StatusCode != http.StatusOK && r.Message == "" {
		return r, fmt.Errorf("answered %s: %s", answer.Status, bundle.Printable(strings.TrimSpace(string(body[:min(len(body), 200)]))))
	}
	return r, nil
}

// Get writes the unit's configuration file to w.
func Get(ctx context.Context, w io.Writer, o Options) error {
	r, err := Do(ctx, o, api.Command{Name: api.CommandConfigRead})
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, r.Config.Text)
	return err
}

// Apply lets the unit try a file.
func Apply(ctx context.Context, w io.Writer, o Options, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	now, err := Do(ctx, o, api.Command{Name: api.CommandConfigRead})
	if err != nil {
		return err
	}
	if _, err := Do(ctx, o, api.Command{Name: api.CommandConfigApply, Text: string(text), Digest: now.Config.Digest}); err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, "The unit starts with it, and undoes it in 60 s: timeball config confirm keeps it.")
	return err
}

// End keeps what the unit is trying, or undoes it (api.CommandConfigConfirm, api.CommandConfigRevert).
func End(ctx context.Context, w io.Writer, o Options, command string) error {
	now, err := Do(ctx, o, api.Command{Name: api.CommandConfigRead})
	if err != nil {
		return err
	}
	if now.Config.Trial == nil {
		return fmt.Errorf("%s of %s: nothing is being tried. %s", command, o.Unit, bundle.Printable(now.Config.Message))
	}
	if _, err := Do(ctx, o, api.Command{Name: command, Trial: now.Config.Trial.ID}); err != nil {
		return err
	}
	done := map[string]string{api.CommandConfigConfirm: "Kept.", api.CommandConfigRevert: "Undone."}
	_, err = fmt.Fprintln(w, done[command])
	return err
}
