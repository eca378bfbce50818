package server

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"timeball/server/control"
	"timeball/server/ntp"
)

// shipped serves with the defaults of an unconfigured unit, but for the addresses.
func shipped(t testing.TB, addrs ...string) *unit {
	t.Helper()
	u := listen(t)
	u.cfg = Default()
	u.cfg.Listen = addrs
	u.Server = New(u.cfg, u.clock, &u.ref, u.log)
	u.share = 1
	u.Describe(func() *control.State { return &control.State{System: control.System{Stratum: 1, ReferenceID: "PPS"}} })
	if err := u.Listen(); err != nil {
		t.Fatal(err)
	}
	u.serve(t)
	return u
}

// from returns a socket of an address of this machine that sends to the server's port.
func from(t testing.TB, u *unit, ip net.IP) *net.UDPConn {
	t.Helper()
	to := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(u.Addrs()[0].Port())}
	if ip.To4() == nil {
		to = &net.UDPAddr{IP: net.IPv6loopback, Port: int(u.Addrs()[len(u.Addrs())-1].Port())}
	}
	conn, err := net.DialUDP("udp", &net.UDPAddr{IP: ip}, to)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// stranger returns an address of 127.0.0.0/8 that is not 127.0.0.1.
func stranger(random *rand.Rand) net.IP {
	return net.IPv4(127, byte(random.UintN(256)), byte(random.UintN(256)), byte(2+random.UintN(252)))
}

const marker = 0xfeedfacecafebeef

// answersTo sends packet and a good request behind it, and returns what came back before the answer to that.
func answersTo(t testing.TB, conn *net.UDPConn, packet []byte) (answers [][]byte) {
	t.Helper()
	if _, err := conn.Write(packet); err != nil { // 65507 bytes and less always go
		t.Fatal(err)
	}
	send(t, conn, request(marker))
	buffer := make([]byte, 65536)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			t.Fatalf("no answer to a good request behind %d bytes, first %x: %v", len(packet), packet[:min(4, len(packet))], err)
		}
		if p, ok := ntp.Decode(buffer[:n]); ok && p.Origin == marker && n == ntp.HeaderLen {
			return answers
		}
		answers = append(answers, append([]byte{}, buffer[:n]...))
	}
}

// judge says what is wrong with the answers to a packet.
func judge(packet []byte, answers [][]byte, own bool) error {
	if len(packet) > 0 && packet[0]&7 == ntp.ModeControl {
		switch {
		case !own && len(answers) > 0:
			return errors.New("a stranger's mode 6 was answered")
		case len(answers) > 0 && !control.Request(packet):
			return errors.New("an ill-formed request of mode 6 was answered")
		}
		return nil
	}
	if len(answers) == 0 {
		if _, refusal := ntp.Parse(packet); refusal == ntp.Answered && len(packet) <= maxRequest {
			return errors.New("a good request was not answered")
		}
		return nil
	}
	if version := packet[0] >> 3 & 7; packet[0]&7 != ntp.ModeClient || version < 1 || version > 4 {
		return errors.New("answered though no request of a client")
	}
	if _, refusal := ntp.Parse(packet); refusal != ntp.Answered {
		return errors.New("answered though " + refusal.String())
	}
	p, ok := ntp.Decode(answers[0])
	switch q, _ := ntp.Decode(packet); {
	case len(answers) > 1:
		return errors.New("answered more than once")
	case len(answers[0]) > len(packet):
		return errors.New("the answer is longer than the request")
	case !ok || p.Mode != ntp.ModeServer || p.Version != q.Version || p.Origin != q.Transmit && p.Origin != q.Receive:
		return errors.New("the answer is none to the request")
	}
	return nil
}

// battery gives take all kinds of packets that are, or are not quite, requests.
func battery(random *rand.Rand, take func([]byte)) {
	lengths := []int{0, 1, 2, 4, 8, 11, 12, 20, 47, 48, 49, 51, 52, 60, 64, 68, 72, 76, 80, 92, 96, 124, 512, 1472, 2047, 2048, 2049, 9000, 65507}
	for first := range 256 {
		for _, n := range lengths {
			if n > 2049 && first%16 != 3 {
				continue
			}
			packet := make([]byte, n)
			for i := range packet {
				packet[i] = byte(random.UintN(256))
			}
			if n > 0 {
				packet[0] = byte(first)
			}
			take(packet)
			if n > ntp.HeaderLen { // with nothing but zeros behind the header
				clear(packet[ntp.HeaderLen:])
				take(packet)
			}
		}
	}
	// Extension fields: lengths that do not fit, fields of every kind, MACs with and without fields before them.
	for kind := range 256 {
		for _, length := range []int{0, 1, 3, 4, 12, 16, 20, 24, 28, 32, 200, 0xffff} {
			for _, room := range []int{16, 24, 28, 32, 48, 76, 200} {
				packet := append(request(1), make([]byte, room)...)
				binary.BigEndian.PutUint16(packet[ntp.HeaderLen:], uint16(kind*257))
				binary.BigEndian.PutUint16(packet[ntp.HeaderLen+2:], uint16(length))
				take(packet)
			}
		}
	}
	// Mode 6: every operation of every version, as a request and as an answer, an error or a fragment.
	for version := range byte(8) {
		for operation := range 256 {
			take([]byte{version<<3 | ntp.ModeControl, byte(operation), 0, 1, 0, 0, 0, 0, 0, 0, 0, 0})
		}
	}
	for _, p := range hostile() {
		take(p)
	}
	take(monoRoot())
}

// Against the shipped defaults, from all over 127.0.0.0/8: each packet gets what it should and the next request is answered.
func TestShippedDefaultsStandABattery(t *testing.T) {
	for _, family := range []string{"IPv4", "IPv6"} {
		t.Run(family, func(t *testing.T) {
			u := shipped(t, ":0")
			if family == "IPv6" && len(u.Addrs()) < 2 {
				t.Fatal("no IPv6")
			}
			random := rand.New(rand.NewPCG(5, 905))
			var conn *net.UDPConn
			own, packets := false, 0
			battery(random, func(packet []byte) {
				if packets%15 == 0 { // a burst of 30 with the good requests: the limit never shows
					if conn != nil {
						conn.Close()
					}
					switch own = random.UintN(8) == 0; {
					case family == "IPv6":
						own, conn = true, from(t, u, net.IPv6loopback)
					case own:
						conn = from(t, u, net.IPv4(127, 0, 0, 1))
					default:
						conn = from(t, u, stranger(random))
					}
				}
				packets++
				if family == "IPv6" && packets%4 != 0 { // one address has a limit of its own for all its ports
					return
				}
				if err := judge(packet, answersTo(t, conn, packet), own); err != nil {
					t.Errorf("%v: %d bytes, first %x: %v", conn.LocalAddr(), len(packet), packet[:min(64, len(packet))], err)
				}
			})
			conn.Close()
			s := u.final(t)
			t.Logf("%d packets, %d answered, %d refused, %d of mode 6", packets, s.Answered, s.RefusedTotal(), s.Controls)
			if s.SendErrors > 0 || s.Refused[ntp.TooOften] > 0 || s.Controls == 0 {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

// Nobody but this machine may ask in mode 6, also where the address looks like its own.
func TestModeSixIsForTwoAddressesOnly(t *testing.T) {
	u := shipped(t, ":0")
	ask := []byte{0x16, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}
	for ip, want := range map[string]bool{
		"127.0.0.1": true, "::1": true, "127.0.0.2": false, "127.0.1.1": false, "127.255.255.254": false, "127.1.0.1": false,
	} {
		addr := netip.MustParseAddr(ip)
		conn := from(t, u, addr.AsSlice())
		if got := len(answersTo(t, conn, ask)) > 0; got != want {
			t.Errorf("%s: answered %v, want %v", ip, got, want)
		}
		conn.Close()
	}
}

// FuzzStranger sends what may come from anywhere in 127.0.0.0/8 to a server with the shipped defaults.
func FuzzStranger(f *testing.F) {
	battery(rand.New(rand.NewPCG(1, 1)), func(p []byte) {
		if len(p)%13 == 0 && len(p) < 600 {
			f.Add(uint64(len(p)), p)
		}
	})
	u := shipped(f, ":0")
	f.Fuzz(func(t *testing.T, seed uint64, packet []byte) {
		if len(packet) > 65507 {
			return
		}
		conn := from(t, u, stranger(rand.New(rand.NewPCG(seed, 2))))
		defer conn.Close()
		answers := answersTo(t, conn, packet)
		if err := judge(packet, answers, false); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	})
}
