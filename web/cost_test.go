package web

import (
	"context"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"timeball/web/api"
)

// BenchmarkFiftyViewers follows a page of which all is known with fifty readers at 1 Hz over loopback, and reports what
// share of one core server and readers together take: at most 2 % is wanted.
func BenchmarkFiftyViewers(b *testing.B) {
	const viewers = 50
	u := &fakeUnit{status: fullStatus()}
	u.status.BoundSeconds, u.status.Stratum = new(1e-6), 1
	for range 30 {
		u.status.Satellites = append(u.status.Satellites, api.Satellite{System: "GPS", ID: 1, CN0DBHz: new(40.0), ElevationDegrees: new(30), AzimuthDegrees: new(30), Used: true})
	}
	s := New(Config{}, u)
	for i := range 3600 {
		now := u.Status()
		now.OffsetSeconds, now.ServedUnixNanoseconds = new(1e-9*float64(i%97)), new((1_795_269_600+int64(i))*1e9)
		s.past.add(time.Duration(i)*time.Second, 1_795_269_600+int64(i), &now)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error)
	go func() { ended <- s.ServeListener(ctx, l) }()
	for i := range viewers {
		lang := []string{"en", "zh"}[i%2]
		answer, err := http.Get("http://" + l.Addr().String() + "/api/v1/stream?page&lang=" + lang)
		if err != nil || answer.StatusCode != http.StatusOK {
			b.Fatal(answer, err)
		}
		go io.Copy(io.Discard, answer.Body)
		b.Cleanup(func() { answer.Body.Close() })
	}
	cpu := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	time.Sleep(2 * time.Second) // the first events have all parts
	began, before := time.Now(), cpu()
	for b.Loop() {
		time.Sleep(time.Second)
	}
	b.ReportMetric(100*float64(cpu()-before)/float64(time.Since(began)), "%core")
	cancel()
	<-ended
}
