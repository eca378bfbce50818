// Package bundle gets a support bundle of a unit, and shows what is in one.
//
// Over https with a token of the admin the unit writes it. Over http, which needs none, the tool puts together what everybody
// may see: status, events, history and metrics. What a unit sends is text from the network and is only ever written to a file
// or, when it is shown, without control characters.
package bundle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"timeball/web/api"
	"timeball/web/bundle"
	"timeball/web/history"
)

// Options say whose bundle is wanted.
type Options struct {
	Unit        string // URL of its page; a bare host is asked over http
	Token       string // of the admin; "": none
	Fingerprint string // SHA-256 of the unit's certificate in hexadecimal; "": it is checked as the system does
	Record      string // a file of this machine that -record wrote; "": none
}

const (
	patience   = 10 * time.Minute
	dial       = 10 * time.Second
	maxAnswer  = 16 << 20  // bytes of one answer that the tool puts into a bundle
	maxWritten = 512 << 20 // bytes of a bundle that the unit wrote
)

// Fetch writes a bundle to w.
func Fetch(ctx context.Context, w io.Writer, o Options) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := newClient(o)
	if err != nil {
		return err
	}
	if o.Token != "" {
		if c.base.Scheme != "https" {
			return fmt.Errorf("bundle of %s: a token goes over https only", c.base)
		}
		if o.Record != "" {
			return errors.New("bundle: with a token the unit adds its own recording; -record is for a bundle without one")
		}
		return c.copy(ctx, w)
	}
	return c.assemble(ctx, w, o.Record)
}

// client asks one unit.
type client struct {
	base  *url.URL
	token string
	http  http.Client
}

func newClient(o Options) (*client, error) {
	if !strings.Contains(o.Unit, "://") {
		o.Unit = "http://" + o.Unit
	}
	base, err := url.Parse(o.Unit)
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("bundle: %.100q is no address of a unit", o.Unit)
	}
	pinned, err := Pin(o.Fingerprint)
	if err != nil {
		return nil, err
	}
	// A unit is a neighbour: no proxy, and no other address than the one that was named.
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: pinned, TLSHandshakeTimeout: dial, ResponseHeaderTimeout: time.Minute}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client{base, o.Token, http.Client{Transport: transport, CheckRedirect: stay}}, nil
}

// Pin returns a configuration that takes the one certificate that a unit shows on its console.
func Pin(fingerprint string) (*tls.Config, error) {
	if fingerprint == "" {
		return nil, nil
	}
	want, err := hex.DecodeString(strings.NewReplacer(":", "", " ", "").Replace(fingerprint))
	if err != nil || len(want) != sha256.Size {
		return nil, fmt.Errorf("-fingerprint %.100q: not the SHA-256 of a certificate in hexadecimal", fingerprint)
	}
	return &tls.Config{
		InsecureSkipVerify: true, // by name and authority; the certificate itself is compared
		VerifyPeerCertificate: func(chain [][]byte, _ [][]*x509.Certificate) error {
			if len(chain) == 0 || !bytes.Equal(sum(chain[0]), want) {
				return errors.New("the unit shows another certificate than -fingerprint names")
			}
			return nil
		},
	}, nil
}

func sum(certificate []byte) []byte {
	s := sha256.Sum256(certificate)
	return s[:]
}

// get asks for a path. The caller closes the body.
func (c *client) get(ctx context.Context, path string) (io.ReadCloser, error) {
	path, query, _ := strings.Cut(path, "?")
	target := c.base.JoinPath(path)
	target.RawQuery = query
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, err
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		if failed := (*url.Error)(nil); errors.As(err, &failed) {
			err = failed.Err
		}
		return nil, fmt.Errorf("bundle of %s: no answer: %w", c.base.Host, err)
	}
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 200))
		answer.Body.Close()
		return nil, fmt.Errorf("bundle of %s: answered %s: %s", c.base.Host, answer.Status, Printable(string(text)))
	}
	return answer.Body, nil
}

// copy writes the bundle that the unit makes, and fails unless it is whole.
func (c *client) copy(ctx context.Context, w io.Writer) error {
	body, err := c.get(ctx, "api/v1/bundle")
	if err != nil {
		return err
	}
	defer body.Close()
	read := io.TeeReader(io.LimitReader(body, maxWritten), w)
	if _, err := bundle.Read(read, func(bundle.Manifest, string, io.Reader) error { return nil }); err != nil {
		return fmt.Errorf("bundle of %s: %w", c.base.Host, err)
	}
	return nil
}

// assemble puts a bundle together of what everybody may see.
func (c *client) assemble(ctx context.Context, w io.Writer, record string) error {
	parts := []struct{ name, path string }{
		{bundle.Status, "api/v1/status"}, {bundle.Events, "api/v1/events"}, {bundle.Metrics, "metrics"},
	}
	for _, span := range history.Spans() {
		parts = append(parts, struct{ name, path string }{fmt.Sprintf(bundle.History, span), "api/v1/history.csv?span=" + span})
	}
	content := map[string][]byte{}
	for _, p := range parts {
		text, err := c.read(ctx, p.path)
		if err != nil {
			return err
		}
		content[p.name] = text
	}
	var status api.Status
	if err := json.Unmarshal(content[bundle.Status], &status); err != nil || status.API != 1 {
		return fmt.Errorf("bundle of %s: not a Timeball", c.base.Host)
	}
	const why = "the bundle was made over http: with -token and https the unit adds it"
	m := bundle.Manifest{Build: status.Version, Unit: c.base.Hostname(), Absent: map[string]string{bundle.Config: why, bundle.Log: why}}
	if status.ServedUnixNanoseconds != nil {
		m.Unix = new(*status.ServedUnixNanoseconds / int64(time.Second))
	}
	if record == "" {
		m.Absent[bundle.Recording] = why + "; so does -record FILE"
	}
	b, err := bundle.NewWriter(w, m)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if err := b.Add(p.name, content[p.name]); err != nil {
			return err
		}
	}
	if record != "" {
		err = addFile(b, record)
	}
	return errors.Join(err, b.Close())
}

func (c *client) read(ctx context.Context, path string) ([]byte, error) {
	body, err := c.get(ctx, path)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, maxAnswer+1))
	if err == nil && len(text) > maxAnswer {
		err = fmt.Errorf("more than %d bytes", maxAnswer)
	}
	if err != nil {
		return nil, fmt.Errorf("bundle of %s: %s: %w", c.base.Host, path, err)
	}
	return text, nil
}

func addFile(b *bundle.Writer, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return b.AddFrom(bundle.Recording, min(info.Size(), bundle.MaxFile), f)
}
