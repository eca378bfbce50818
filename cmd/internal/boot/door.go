package boot

import (
	"bytes"
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
	if b.config.Load().Web.HTTPS == "off" {
		return ""
	}
	cert, key := b.config.Load().Web.Certificate, b.config.Load().Web.Key
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

// claimSize is the length of the file on the boot partition, in bytes: it is always the same, so that a new code replaces the
// old one in its place and a power cut meanwhile leaves the partition's tables, by which the board starts, as they were.
const claimSize = 1024

// padded returns text with blanks up to that size.
func padded(text string) []byte {
	return append([]byte(text), bytes.Repeat([]byte(" "), max(0, claimSize-len(text)))...)[:claimSize]
}

// publishClaim makes the boot partition say the same as timeballd. It is written when that changes, and tried once for each.
func (b *boot) publishClaim(text string) {
	if b.bootDevice == "" || b.claimTried && b.claim == text {
		return
	}
	b.claim, b.claimTried = text, true
	file := b.path(mounts.Boot, claimFile)
	now, err := os.ReadFile(file)
	if text == "" && errors.Is(err, os.ErrNotExist) {
		return
	}
	if text == "" {
		text = "This unit has an administrator, or the time to claim it is over until its next start.\r\n"
	}
	if bytes.Equal(now, padded(text)) {
		return
	}
	m := mounts.BootFrom(b.bootDevice)
	writable := m
	writable.Flags &^= mounts.ReadOnly
	if err = b.k.Remount(writable); err == nil {
		err = errors.Join(overwrite(file, padded(text)), b.k.Remount(m))
	}
	if err != nil {
		b.log.Warn("claim code not on the boot partition", "error", err)
	}
}

// overwrite writes a file in its place.
func overwrite(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}
