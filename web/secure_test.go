package web

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"timeball/web/certificate"
)

// listenBoth serves http and https on loopback and returns both addresses and a client that trusts the unit.
func listenBoth(t *testing.T) (plain, secure string, client *http.Client) {
	t.Helper()
	c, err := certificate.Own("", time.Unix(1780000000, 0), nil, []net.IP{net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var l [2]net.Listener
	for i := range l {
		if l[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	s := New(Config{Certificate: &c, SecurePort: l[1].Addr().(*net.TCPAddr).Port}, &fakeUnit{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.ServeListeners(ctx, l[0], l[1]) }()
	roots := x509.NewCertPool()
	roots.AddCert(c.Leaf)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l[0].Addr().String(), l[1].Addr().String(), &http.Client{Transport: transport}
}

func TestBothAddressesServeThePage(t *testing.T) {
	plain, secure, client := listenBoth(t)
	for _, url := range []string{"http://" + plain, "https://" + secure} {
		answer, err := client.Get(url + "/api/v1/status")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != 200 || !strings.Contains(string(text), `"api":1`) || answer.ProtoMajor != 1 {
			t.Errorf("%s: %s %s, %v", url, answer.Proto, answer.Status, err)
		}
	}
}

func TestSecureAddressTakesOnlyPresentTLS(t *testing.T) {
	_, secure, client := listenBoth(t)
	old := client.Transport.(*http.Transport).TLSClientConfig.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if conn, err := tls.Dial("tcp", secure, old); err == nil {
		conn.Close()
		t.Error("TLS 1.1 was taken")
	}
	conn, err := net.Dial("tcp", secure)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if answer, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil && answer.StatusCode == 200 {
		t.Error("plain HTTP was answered on the secure address")
	}
}

func TestBothAddressesShareTheirPlaces(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	shared := newPlaces(10, 1)
	first, second := &bounded{l, shared}, &bounded{l, shared}
	if !first.take("a") || second.take("a") || !second.take("b") {
		t.Error("a connection to one does not count at the other")
	}
}
