package server

import (
	"encoding/binary"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"timeball/server/clientlog"
	"timeball/server/ntp"
)

// Junk, 25,000 packets a second: a client is served each time, memory stays as it was. Over IPv4 it comes from many addresses
// and has good requests in it; over IPv6 there is only one to send from.
func TestServeServesBesideJunk(t *testing.T) {
	for _, at := range []string{"0.0.0.0:0", "[::]:0"} {
		t.Run(at, func(t *testing.T) { besideJunk(t, at) })
	}
}

func besideJunk(t *testing.T, at string) {
	u := listen(t)
	u.cfg.Listen, u.cfg.RateLimit = []string{at}, Default().RateLimit
	u.Server = New(u.cfg, u.clock, &u.ref, u.log)
	if err := u.Listen(); err != nil {
		t.Fatal(err)
	}
	u.serve(t)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	stop, sent := make(chan struct{}), make([]uint64, 2)
	var junk sync.WaitGroup
	for n := range sent {
		junk.Go(func() { sent[n] = flood(t, u.Addrs()[0], byte(n+1), stop) })
	}
	conn := dial(t, u.Addrs()[0])
	began := time.Now()
	const requests = 400
	for k := range uint64(requests) {
		for time.Since(began) < time.Duration(k)*5*time.Millisecond/2 {
			time.Sleep(100 * time.Microsecond)
		}
		if k%clientlog.Burst == 0 { // another client of the same address, as of a gateway
			conn = dial(t, u.Addrs()[0])
		}
		send(t, conn, request(k))
		if p := receive(t, conn); p.Origin != ntp.Timestamp(k) || p.Stratum != 1 {
			t.Fatalf("request %d: answer %+v", k, p)
		}
	}
	took := time.Since(began).Seconds()
	close(stop)
	junk.Wait()
	rate := float64(sent[0]+sent[1]) / took
	t.Logf("%.0f packets of junk a second", rate)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapInuse) - int64(before.HeapInuse); grown > 1<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	if s := u.final(t); s.RefusedTotal() == 0 || s.Dropped > 0 {
		t.Errorf("stats %+v", s)
	}
}

// flood sends 12,500 packets a second until stop from addresses of 127.network.0.0/16: what nobody may be answered on, and
// requests.
func flood(t *testing.T, to netip.AddrPort, network byte, stop <-chan struct{}) (sent uint64) {
	packets := [][]byte{request(1), {0x17, 0, 3, 42, 0, 0, 0, 0}, make([]byte, 48), {0x16, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, {0x23}}
	for tick := time.NewTicker(8 * time.Millisecond); ; <-tick.C {
		ip := net.IPv4(127, network, 0, 0).To4()
		binary.BigEndian.PutUint16(ip[2:], uint16(1+sent/100%65000))
		from, server := &net.UDPAddr{IP: ip}, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(to.Port())}
		if to.Addr().Is6() {
			from, server.IP, packets[0] = nil, net.IPv6loopback, packets[1]
		}
		conn, err := net.DialUDP("udp", from, server)
		if err != nil {
			t.Error(err)
			return sent
		}
		for range 100 {
			_, _ = conn.Write(packets[sent%uint64(len(packets))])
			sent++
		}
		conn.Close()
		select {
		case <-stop:
			return sent
		default:
		}
	}
}
