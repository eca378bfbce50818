package daemon

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"timeball/cmd/internal/appliance"
	"timeball/cmd/internal/config"
	"timeball/cmd/internal/settings"
	"timeball/web/api"
	"timeball/web/audit"
	"timeball/web/auth"
	"timeball/web/certificate"
	"timeball/web/kept"
)

// entry is who may come in, and the record of what they did. It outlives the unit, which may start anew.
type entry struct {
	door  *auth.Door
	audit *audit.Log
	log   *slog.Logger
	code  string // to claim the unit with; "" = it has an admin, or no address to be claimed at
	file  string // that has the code; "" = none

	settings *settings.Keeper
	unit     *atomic.Pointer[appliance.Unit] // that runs, or ran last

	once sync.Once
}

// openEntry opens both. What can't be read is logged, and the unit runs all the same.
func (p program) openEntry(o options, cfg config.Config, keeper *settings.Keeper) *entry {
	e := &entry{log: p.logger(cfg), file: o.claim, settings: keeper}
	dir := webDir(o, cfg)
	if cfg.Web.HTTPS != "off" && !auth.HasAdmin(dir) {
		e.code = cmp.Or(o.code, auth.NewCode())
	}
	var err error
	if e.door, err = auth.Open(auth.Config{Dir: dir, Code: e.code, Span: o.claimSpan(o.running, sinceBoot()), Boot: bootID(), Log: e.log}); err != nil {
		e.log.Error("accounts", "error", err)
	}
	if e.audit, err = audit.Open(dir); err != nil {
		e.log.Error("record", "error", err)
	}
	if e.code == "" {
		e.forget() // a code of before opens nothing
	}
	return e
}

// bootID names this boot of the machine, "" where the kernel does not.
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// announce says once how the unit is claimed: on w, and in the file if there is to be one.
func (e *entry) announce(ctx context.Context, w io.Writer, page, fingerprint string) {
	left := e.door.Claimable()
	if left == 0 {
		e.forget()
		return
	}
	e.once.Do(func() {
		e.write(ctx, left, page, fingerprint)
		e.invite(w, left, page)
	})
}

// invite says on w how the unit is claimed.
func (e *entry) invite(w io.Writer, left time.Duration, page string) {
	fmt.Fprintf(w, "Claim this unit within %.0f min on %sclaim, code %s\n", left.Minutes(), page, auth.Spell(e.code))
}

// write puts the code into the file, where there is to be one, until it opens nothing any more.
func (e *entry) write(ctx context.Context, left time.Duration, page, fingerprint string) {
	if e.file == "" {
		return
	}
	text := fmt.Sprintf("Claim code: %s\nWithin %.0f minutes of the start, on: %sclaim\nCertificate SHA-256: %s\n", auth.Spell(e.code), left.Minutes(), page, fingerprint)
	if err := kept.Write(e.file, []byte(text), 0o600); err != nil {
		e.log.Warn("claim code not written", "file", e.file, "error", err)
		return
	}
	forgets := time.AfterFunc(left, e.forget)
	context.AfterFunc(ctx, func() { forgets.Stop() })
}

// forget removes the file with the code.
func (e *entry) forget() {
	if e.file == "" {
		return
	}
	if err := os.Remove(e.file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.log.Warn("a used claim code is still there", "file", e.file, "error", err)
	}
}

func (e *entry) close() {
	if err := e.audit.Close(); err != nil {
		e.log.Error("record", "error", err)
	}
}

// do carries out what is asked of the whole program.
func (e *entry) do(ctx context.Context, c api.Command) (api.Result, error) {
	if c.Name == api.CommandClaimed {
		if e.door.Claimed() {
			e.forget()
		}
		return api.Result{State: api.OK}, nil
	}
	return e.settings.Do(ctx, c)
}

// secure gives the unit its https address and the certificate it shows there.
func (p program) secure(o options, cfg config.Config, u *appliance.Config) error {
	if cfg.Web.HTTPS == "off" {
		return nil
	}
	u.HTTPS = cfg.Web.HTTPS
	var c tls.Certificate
	var err error
	if cfg.Web.Certificate != "" {
		if c, err = certificate.Load(cfg.Web.Certificate, cfg.Web.Key); err != nil {
			return err
		}
	} else {
		built := time.Unix(0, int64(p.build.date()))
		c, err = certificate.Own(webDir(o, cfg), built, append([]string{u.Web.Name}, u.Web.Names...), addresses())
		if c.Leaf == nil {
			return err
		}
		if err != nil {
			u.Log.Warn("browsers will ask again after a restart", "error", err)
		}
	}
	u.Web.Certificate = &c
	return nil
}

// webDir is where the web part keeps its files; "" = nowhere.
func webDir(o options, cfg config.Config) string {
	if !keeps(o, cfg) {
		return ""
	}
	return filepath.Join(cfg.Board.State, "web")
}

// addresses returns this machine's own.
func addresses() []net.IP {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil // the certificate names the unit all the same
	}
	var ips []net.IP
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLinkLocalUnicast() {
			ips = append(ips, n.IP)
		}
	}
	return ips
}
