package page

import (
	"strconv"

	"timeball/web/api"
	"timeball/web/verdict"
)

// witnessPanel is there where other clocks are asked.
func witnessPanel(s api.Status) *Panel {
	if len(s.Witnesses) == 0 {
		return nil
	}
	p := &Panel{ID: "witnesses", Title: "Witnesses", Question: "Do other clocks agree?", Answer: witnessAnswer(s.Witnesses)}
	var body facts
	for _, w := range s.Witnesses {
		body = append(body, Fact{w.Name, verdict.Witness(w)})
	}
	p.Body = body
	return p
}

// witnessAnswer counts those that can be compared.
func witnessAnswer(all []api.Witness) string {
	agree, compared := 0, 0
	for _, w := range all {
		switch w.State {
		case "agrees":
			agree++
			compared++
		case "disagrees":
			compared++
		}
	}
	switch {
	case compared == 0:
		return "None can be compared with this unit yet. They never steer it."
	case agree == compared:
		return "Yes: **" + strconv.Itoa(agree) + "** of " + strconv.Itoa(compared) + ". They never steer this unit."
	}
	return "**No**: " + strconv.Itoa(compared-agree) + " of " + strconv.Itoa(compared) + " can’t be right if this unit is. They never steer it."
}
