// Package certificate is the one a unit shows on its https address: the operator's, or one it has made for itself.
//
// Its own is self-signed (ECDSA on P-256, RFC 5280) and is valid from the date of the build, because a unit that has not
// heard its receiver yet does not know what time it is. It is made once and kept: what a viewer trusts is its
// fingerprint, so it is made anew only when it cannot be read or lacks a name that the unit is now asked by. An address
// is no such name: DHCP may change it any day, and a fingerprint that changes by itself teaches people to accept any. It
// names the addresses of the day it was made; with another one a browser that was told to trust it says that the address is
// not in it, and the unit's name (timeball-….local) is still right. Removing the file makes one with those of today. Where
// nothing can be kept a new one is made at each start, and the error says why.
package certificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"timeball/web/kept"
)

// fileName is the file in the unit's directory: the key and the certificate, PEM (RFC 7468).
const fileName = "https.pem"

// lifetime of a certificate of our own. Nobody renews it by hand, and a shorter one would end on a wrong date.
const lifetime = 25 // years

// Own returns the unit's own certificate, kept in dir; dir "" keeps none. built is the date it is valid from and names are
// what the unit is asked by. The certificate can be used also when there is an error: then it is not kept.
func Own(dir string, built time.Time, names []string, addresses []net.IP) (tls.Certificate, error) {
	names = slices.Compact(slices.Sorted(slices.Values(append([]string{"localhost"}, names...))))
	var unread error
	if dir != "" {
		c, err := read(filepath.Join(dir, fileName))
		if err == nil && covers(c.Leaf, names) {
			return c, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			unread = err
		}
	}
	c, text, err := create(built, names, addresses)
	if err != nil || dir == "" {
		return c, err
	}
	if err := kept.Write(filepath.Join(dir, fileName), text, 0o600); err != nil {
		return c, errors.Join(unread, fmt.Errorf("certificate: not kept: %w", err))
	}
	return c, nil
}

// Load returns the certificate of the operator: PEM files, the certificate followed by those between it and its root.
func Load(certificate, key string) (tls.Certificate, error) {
	c, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return c, fmt.Errorf("certificate: %s: %w", certificate, err)
	}
	return c, nil
}

// Fingerprint returns the SHA-256 of a certificate as browsers show it: pairs of capitals with colons.
func Fingerprint(c tls.Certificate) string {
	if len(c.Certificate) == 0 {
		return ""
	}
	sum := sha256.Sum256(c.Certificate[0])
	text := strings.ToUpper(hex.EncodeToString(sum[:]))
	var pairs []string
	for pair := range slices.Chunk([]byte(text), 2) {
		pairs = append(pairs, string(pair))
	}
	return strings.Join(pairs, ":")
}

// covers reports whether leaf names all of names.
func covers(leaf *x509.Certificate, names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(leaf.DNSNames, name) })
}

func read(path string) (tls.Certificate, error) {
	text, err := kept.Read(path)
	if err != nil {
		return tls.Certificate{}, err
	}
	c, err := tls.X509KeyPair(text, text)
	if err != nil {
		return c, fmt.Errorf("certificate: %s: %w", path, err)
	}
	return c, nil
}

// create makes a key and a certificate, and their PEM.
func create(built time.Time, names []string, addresses []net.IP) (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("certificate: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)) // 64 bits at least: CA/Browser Forum, 7.1
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("certificate: %w", err)
	}
	template := x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)),
		Subject:      pkix.Name{CommonName: commonName(names), Organization: []string{"Timeball, self-signed"}},
		NotBefore:    built.UTC(), NotAfter: built.UTC().AddDate(lifetime, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, DNSNames: names, IPAddresses: addresses,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("certificate: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("certificate: %w", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	c, err := tls.X509KeyPair(text, text)
	return c, text, err
}

// commonName is the first name that is not localhost, within the 64 characters of RFC 5280, A.1.
func commonName(names []string) string {
	for _, name := range names {
		if name != "localhost" && len(name) <= 64 {
			return name
		}
	}
	return "timeball"
}
