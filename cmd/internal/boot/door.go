package boot

import (
	"errors"
	"os"
	"strings"

	"timeball/image/mounts"
	"timeball/web/certificate"
)

// claimPath is where timeballd says how the unit is claimed, while it can be: a line "Claim code: ..." and what else there is
// to know.
const claimPath = "/run/timeball/claim"

// claimFile is the same on the boot partition, for somebody without a monitor.
const claimFile = "claim-code.txt"

// maxClaim is the longest text taken, in bytes.
const maxClaim = 2048

// door returns the code that makes the first account and the certificate's fingerprint, "" where there is none.
func (b *boot) door() (code, fingerprint string) {
	text, err := os.ReadFile(b.path(claimPath))
	if err != nil || len(text) > maxClaim {
		text = nil
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "Claim code:"); ok {
			code = strings.TrimSpace(value)
		}
	}
	b.publishClaim(strings.ReplaceAll(string(text), "\n", "\r\n"))
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

// publishClaim makes the boot partition say the same as timeballd. It is written when that changes, and tried once for each.
func (b *boot) publishClaim(text string) {
	if b.bootDevice == "" || b.claimTried && b.claim == text {
		return
	}
	b.claim, b.claimTried = text, true
	file := b.path(mounts.Boot, claimFile)
	now, err := os.ReadFile(file)
	if text == "" && errors.Is(err, os.ErrNotExist) || text != "" && string(now) == text {
		return
	}
	m := mounts.BootFrom(b.bootDevice)
	writable := m
	writable.Flags &^= mounts.ReadOnly
	if err := b.k.Remount(writable); err != nil {
		b.log.Warn("claim code not on the boot partition", "error", err)
		return
	}
	if text == "" {
		err = os.Remove(file)
	} else {
		err = os.WriteFile(file, []byte(text), 0o600)
	}
	if err = errors.Join(err, b.k.Remount(m)); err != nil {
		b.log.Warn("claim code not on the boot partition", "error", err)
	}
}
