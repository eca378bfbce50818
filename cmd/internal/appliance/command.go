package appliance

import (
	"context"

	"timeball/web/api"
	"timeball/web/certificate"
)

// Fingerprint returns the SHA-256 of the certificate that is shown over TLS, "" where there is none.
func (u *Unit) Fingerprint() string {
	if u.cfg.Web.Certificate == nil {
		return ""
	}
	return certificate.Fingerprint(*u.cfg.Web.Certificate)
}

// Do implements web.Unit: what neither the unit nor whoever has started it does is refused.
func (u *Unit) Do(ctx context.Context, c api.Command) (api.Result, error) {
	if err := c.Check(); err != nil {
		return api.Refuse("%v", err), nil
	}
	if c.Name == api.CommandFault && u.remote == nil {
		return u.fault(ctx, *c.Fault), nil
	}
	if u.cfg.Do != nil {
		return u.cfg.Do(ctx, c)
	}
	return api.Refuse("this unit does not do %s", c.Name), nil
}
