package boot

import (
	"context"
	"net"
	"strconv"
	"sync"

	"timeball/cmd/internal/link"
)

// uplink keeps the network up until ctx is done; named is closed when the unit has its name.
func (b *boot) uplink(ctx context.Context, named chan<- struct{}) {
	_, port, _ := net.SplitHostPort(b.config.Load().Web.HTTP)
	http, _ := strconv.ParseUint(port, 10, 16)
	var once sync.Once
	link.Run(ctx, link.Config{
		Settings: b.network, Log: b.log, Resolver: b.path("/run/resolv.conf"), SetHostname: b.k.SetHostname, HTTPPort: uint16(http),
		Report: func(s link.State) {
			b.report.set(func(r *Report) { r.State = s })
			if s.Interface != "" {
				once.Do(func() { close(named) })
			}
		},
	})
}
