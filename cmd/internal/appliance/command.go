package appliance

import (
	"context"

	"timeball/web/api"
)

// Do implements web.Unit: what is not in this list is refused.
func (u *Unit) Do(_ context.Context, c api.Command) (api.Result, error) {
	if err := c.Check(); err != nil {
		return api.Refuse("%v", err), nil
	}
	return api.Refuse("this unit does not do %s", c.Name), nil
}
