package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// shifted moves the clock of a computer for each page that is loaded by as many milliseconds as the address says.
const shifted = `{ const now = Date.now.bind(Date), by = Number(location.hash.slice(1)); Date.now = () => now() + by; }`

// ahead returns how far the unit's clock is ahead of this machine's: a simulated unit lives in a time of its own.
func (u *unit) ahead(b *tab) time.Duration {
	answer, err := http.Get(u.page + "api/v1/now")
	if err != nil {
		b.Fatal(err)
	}
	defer answer.Body.Close()
	var now struct {
		Earliest *int64 `json:"earliest_unix_nanoseconds"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&now); err != nil || now.Earliest == nil {
		b.Fatalf("the unit's time: %v, %v", now.Earliest, err)
	}
	return time.Until(time.Unix(0, *now.Earliest))
}

// skewed looks at the page on computers whose clock is wrong.
func (b *tab) skewed(u *unit) {
	other, done := b.another()
	defer done()
	other.run(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: shifted})
		return err
	}))
	right := u.ahead(b)
	for _, of := range []struct {
		by   time.Duration
		says string
	}{
		{500 * time.Millisecond, "fast|||"},
		{2 * time.Second, "fast|amber|triangle|more than 1 s off"},
		{-14 * time.Minute, "slow|amber|triangle|more than 1 s off"},
		{16 * time.Minute, "fast|red|octagon|more than 15 min off: set its clock"},
	} {
		other.goTo("about:blank")
		other.goTo(fmt.Sprintf("%s#%d", u.page, (right + of.by).Milliseconds()))
		other.until(fmt.Sprintf("a clock that is off by %v is compared", of.by), `/±/.test(document.querySelector("[data-own=skew]").textContent)`)
		said := eval[string](other, `(e => [e.querySelector("b").textContent.split(" ").pop(), e.querySelector("b").className, e.querySelector("svg")?.classList[1] ?? "", e.querySelector("small")?.textContent ?? ""].join("|"))(document.querySelector("[data-own=skew]"))`)
		if said != of.says {
			b.Errorf("of a clock that is off by %v the page says %q, want %q", of.by, said, of.says)
		}
	}
	other.accessible("a clock that is wrong")
	other.quiet("skewed", cut)
}

// still looks at the page with reduced motion: the second hand does not move while the time goes on.
func (b *tab) still(u *unit) {
	const hand = `document.querySelector("[data-own=sweep]").getAttribute("transform")`
	const clock = `document.querySelector("[data-own=clocks] time").textContent`
	b.prefers("reduced-motion", "reduce")
	b.goTo(u.page)
	b.until("the clock runs", `document.body.classList.contains("clocked") && document.querySelector("[data-own=clocks] time")`)
	began := eval[string](b, clock+`+ " " + `+hand)
	b.until("the second is over", fmt.Sprintf(`!%q.startsWith(%s)`, began, clock))
	if hand := eval[string](b, clock+`+ " " + `+hand); hand[len("00:00:00"):] != began[len("00:00:00"):] {
		b.Errorf("with reduced motion the second hand has moved: %s, then %s", began, hand)
	}
	b.prefers("reduced-motion", "no-preference")
	b.until("the second hand moves again", fmt.Sprintf(`!%q.endsWith(" " + %s)`, began, hand))
	b.quiet("still", cut)
}
