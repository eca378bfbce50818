package certificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"timeball/web/kept"
)

var built = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func own(t *testing.T, dir string, names ...string) tls.Certificate {
	t.Helper()
	c, err := Own(dir, built, names, []net.IP{net.IPv4(10, 4, 0, 11)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOwnCertificateIsValidFromTheBuild(t *testing.T) {
	leaf := own(t, "", "tb-a", "time.example.org").Leaf
	if !leaf.NotBefore.Equal(built) || !leaf.NotAfter.Equal(built.AddDate(25, 0, 0)) {
		t.Errorf("valid from %v to %v", leaf.NotBefore, leaf.NotAfter)
	}
	if key, ok := leaf.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() || leaf.IsCA {
		t.Errorf("key %T, CA %v", leaf.PublicKey, leaf.IsCA)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	for _, name := range []string{"localhost", "tb-a", "time.example.org", "10.4.0.11"} {
		if _, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: built.AddDate(20, 0, 0)}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if leaf.VerifyHostname("evil.example") == nil {
		t.Error("it names evil.example")
	}
}

// RFC 5280, A.1 allows a common name 64 characters; a DNS name may have 253.
func TestCommonNameIsNoLongerThanItMayBe(t *testing.T) {
	long := strings.Repeat("a", 60) + ".example"
	leaf := own(t, "", long, "tb-a").Leaf
	if leaf.Subject.CommonName != "tb-a" || leaf.VerifyHostname(long) != nil {
		t.Errorf("%v, names %v", leaf.Subject, leaf.DNSNames)
	}
	if only := own(t, "", long).Leaf.Subject.CommonName; only != "timeball" {
		t.Errorf("with one long name: %q", only)
	}
}

func TestOwnCertificateIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "web")
	first := Fingerprint(own(t, dir, "tb-a"))
	if again := Fingerprint(own(t, dir, "tb-a")); again != first {
		t.Errorf("another one after a restart: %s, %s", first, again)
	}
	if moved, err := Own(dir, built, []string{"tb-a"}, []net.IP{net.IPv4(10, 9, 0, 2)}); err != nil || Fingerprint(moved) != first {
		t.Errorf("another address makes another certificate: %v", err)
	}
	if len(first) != 95 || strings.Count(first, ":") != 31 || strings.ToUpper(first) != first {
		t.Errorf("fingerprint %q", first)
	}
	info, err := os.Stat(filepath.Join(dir, fileName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: the key can be read by others", info.Mode(), err)
	}
	if Fingerprint(own(t, dir, "tb-a", "time.example.org")) == first {
		t.Error("a new name is not in it")
	}
}

func TestOwnCertificateIsMadeAnewWhereItCannotBeRead(t *testing.T) {
	for name, content := range map[string]string{"empty": "", "torn": "-----BEGIN PRIVATE KEY-----\nMIG", "long": strings.Repeat("x", kept.MaxSize+1)} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, fileName), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		first := Fingerprint(own(t, dir))
		if Fingerprint(own(t, dir)) != first {
			t.Errorf("%s: not replaced", name)
		}
	}
}

func TestOwnCertificateServesWithoutBeingKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Own(filepath.Join(file, "below"), built, nil, nil)
	if err == nil || c.Leaf == nil {
		t.Errorf("%v, %v: want a certificate and an error", c.Leaf, err)
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "absent.pem"), filepath.Join(dir, "absent.key")); err == nil || !strings.Contains(err.Error(), "absent.pem") {
		t.Error(err)
	}
	own(t, dir)
	if _, err := Load(filepath.Join(dir, fileName), filepath.Join(dir, fileName)); err != nil {
		t.Error(err)
	}
}
