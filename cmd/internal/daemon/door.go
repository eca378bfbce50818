package daemon

import (
	"crypto/tls"
	"net"
	"path/filepath"
	"time"

	"timeball/cmd/internal/appliance"
	"timeball/cmd/internal/config"
	"timeball/web/certificate"
)

// secure gives the unit its https address and the certificate it shows there.
func (p program) secure(o options, cfg config.Config, u *appliance.Config) error {
	if cfg.Web.HTTPS == "off" {
		return nil
	}
	u.HTTPS = cfg.Web.HTTPS
	var c tls.Certificate
	var err error
	if cfg.Web.Certificate != "" {
		if c, err = certificate.Load(cfg.Web.Certificate, cfg.Web.Key); err != nil {
			return err
		}
	} else {
		built := time.Unix(0, int64(p.build.date()))
		c, err = certificate.Own(webDir(o, cfg), built, append([]string{u.Web.Name}, u.Web.Names...), addresses())
		if c.Leaf == nil {
			return err
		}
		if err != nil {
			u.Log.Warn("browsers will ask again after a restart", "error", err)
		}
	}
	u.Web.Certificate = &c
	return nil
}

// webDir is where the web part keeps its files; "" = nowhere.
func webDir(o options, cfg config.Config) string {
	if !keeps(o, cfg) {
		return ""
	}
	return filepath.Join(cfg.Board.State, "web")
}

// addresses returns this machine's own.
func addresses() []net.IP {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil // the certificate names the unit all the same
	}
	var ips []net.IP
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLinkLocalUnicast() {
			ips = append(ips, n.IP)
		}
	}
	return ips
}
