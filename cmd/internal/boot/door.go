package boot

import (
	"bytes"
	"errors"
	"os"
	"strings"

	"timeball/image/mounts"
	"timeball/web/certificate"
)

// claimPath is where timeballd writes the code that makes the first account, as people read it; without the file the unit
// can't be claimed.
const claimPath = "/run/timeball/claim-code"

// claimFile is the same on the boot partition, for somebody without a monitor.
const claimFile = "claim-code.txt"

// door returns the code that makes the first account and the certificate's fingerprint, "" where there is none.
func (b *boot) door() (code, fingerprint string) {
	text, err := os.ReadFile(b.path(claimPath))
	if err == nil && len(text) <= 64 {
		code = strings.TrimSpace(string(text))
	}
	b.publishClaim(code)
	return code, b.fingerprint()
}

// fingerprint returns that of the certificate that the page shows.
func (b *boot) fingerprint() string {
	if b.config.Web.HTTPS == "off" {
		return ""
	}
	cert, key := b.config.Web.Certificate, b.config.Web.Key
	if cert == "" {
		cert = stateDir + "/web/https.pem"
		key = cert
	}
	c, err := certificate.Load(b.path(cert), b.path(key))
	if err != nil {
		return ""
	}
	return certificate.Fingerprint(c)
}

// publishClaim makes the boot partition say the same code as the monitor. It is written when the code changes, and tried
// once for each.
func (b *boot) publishClaim(code string) {
	if b.bootDevice == "" || b.claimTried && b.claim == code {
		return
	}
	b.claim, b.claimTried = code, true
	file := b.path(mounts.Boot, claimFile)
	now, err := os.ReadFile(file)
	want := []byte(code + "\r\n")
	if code == "" && errors.Is(err, os.ErrNotExist) || code != "" && bytes.Equal(now, want) {
		return
	}
	m := mounts.BootFrom(b.bootDevice)
	writable := m
	writable.Flags &^= mounts.ReadOnly
	if err := b.k.Remount(writable); err != nil {
		b.log.Warn("claim code not on the boot partition", "error", err)
		return
	}
	if code == "" {
		err = os.Remove(file)
	} else {
		err = os.WriteFile(file, want, 0o600)
	}
	if err = errors.Join(err, b.k.Remount(m)); err != nil {
		b.log.Warn("claim code not on the boot partition", "error", err)
	}
}
