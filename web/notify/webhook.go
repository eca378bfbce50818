package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"timeball/web/api"
)

// Call is what a webhook is sent.
type Call struct {
	Timeball string    `json:"timeball"` // "event"
	Version  int       `json:"version"`  // 1
	Unit     string    `json:"unit"`     // the host name
	State    string    `json:"state"`    // active, ended, or happened: over as it began
	Text     string    `json:"text"`     // one sentence for people; the name that many chat services look for
	Event    api.Event `json:"event"`
}

// webhook sends JSON.
type webhook struct {
	url, shown string
	unit       Unit
	client     *http.Client
}

func newWebhook(target string, unit Unit) *webhook {
	shown := "?"
	if u, err := url.Parse(target); err == nil {
		shown = u.Scheme + "://" + u.Host + "/…"
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 16 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &webhook{target, shown, unit, client}
}

func (w *webhook) call(m Message) Call {
	c := Call{Timeball: "event", Version: 1, Unit: w.unit.Name, State: m.state(), Event: m.Event}
	c.Text = fmt.Sprintf("%s: %s: %s (%s)", w.unit.Name, m.Event.Severity, m.Text, c.State)
	return c
}

func (w *webhook) send(ctx context.Context, m Message) error {
	body, err := json.Marshal(w.call(m))
	if err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: not an address of the web", errRefused)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "timeball/"+w.unit.Version)
	answer, err := w.client.Do(r)
	if err != nil {
		return w.withoutURL(err)
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10))
	switch code := answer.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code >= 400 && code < 500 && code != http.StatusRequestTimeout && code != http.StatusTooEarly && code != http.StatusTooManyRequests:
		return fmt.Errorf("%w: answered %s", errRefused, answer.Status)
	default:
		return fmt.Errorf("answered %s", answer.Status)
	}
}

// withoutURL takes the address out of an error: it may hold a secret.
func (w *webhook) withoutURL(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}
