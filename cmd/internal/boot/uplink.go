package boot

import (
	"context"
	"net"
	"strconv"

	"timeball/cmd/internal/link"
)

// uplink keeps the network up until ctx is done.
func (b *boot) uplink(ctx context.Context) {
	_, port, _ := net.SplitHostPort(b.config.Web.HTTP)
	http, _ := strconv.ParseUint(port, 10, 16)
	link.Run(ctx, link.Config{
		Settings: b.network, Log: b.log, Resolver: b.path("/run/resolv.conf"), SetHostname: b.k.SetHostname, HTTPPort: uint16(http),
		Report: func(s link.State) { b.report.set(func(r *Report) { r.State = s }) },
	})
}

// claim returns the code that makes the first account and the certificate's fingerprint, "" where there is none.
func (b *boot) claim() (code, fingerprint string) {
	return "", ""
}
