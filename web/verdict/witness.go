package verdict

import (
	"strconv"
	"strings"

	"timeball/web/api"
	"timeball/web/figure"
)

// witnessStates are the states of a witness in a few words.
var witnessStates = map[string]string{
	"waiting": "has not answered yet", "agrees": "agrees", "disagrees": "disagrees", "not compared": "not compared yet",
	"silent": "no usable answer", "kept": "set from this unit",
}

// Witness returns what another clock says in one line: whether it agrees, this unit's clock minus the witness's with what
// the witness may be wrong by, and when it was asked.
func Witness(w api.Witness) string {
	state, ok := witnessStates[w.State]
	if !ok {
		state = w.State
	}
	if w.Text != "" {
		state += ": " + w.Text
	}
	parts := []string{state}
	if w.OffsetSeconds != nil && w.DistanceSeconds != nil {
		parts = append(parts, figure.Offset(*w.OffsetSeconds)+"\u00a0±\u00a0"+figure.Bound(*w.DistanceSeconds, 2))
	}
	if w.Stratum != nil {
		parts = append(parts, "stratum\u00a0"+strconv.Itoa(*w.Stratum))
	}
	if w.AskedSeconds != nil {
		parts = append(parts, "asked "+figure.Span(*w.AskedSeconds)+" ago")
	}
	return strings.Join(parts, ", ")
}
