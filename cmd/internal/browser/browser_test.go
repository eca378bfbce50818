// Package browser holds the tests of the page in a real Chromium: a simulated unit in this process, driven as a person would
// drive it, through all its states. With -screenshots it writes pictures of them.
package browser

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	beevik "github.com/beevik/ntp"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"timeball/cmd/internal/daemon"
)

var (
	pictures = flag.String("screenshots", "", "`folder` to write pictures into")
	warm     = flag.Duration("warm", 0, "how long the unit stays locked before its picture is taken")
)

// patience is how long a step may take on a busy machine.
const patience = 60 * time.Second

// axeFile is fetched by .ci/page.
const axeFile = "../../../.cache/page/node_modules/axe-core/axe.min.js"

const password = "correct horse battery"

// unit is a daemon in this process.
type unit struct {
	ntp, page, secure, code string
	stop                    func()
}

var (
	pageLine   = regexp.MustCompile(`NTP: (127\.0\.0\.1:\d+)\. Page: (http://\S+/)$`)
	secureLine = regexp.MustCompile(`^Changes are made on (https://\S+/),`)
	claimLine  = regexp.MustCompile(`code (\S+)$`)
)

// unused returns an address of this machine that nothing listens at, neither TCP nor UDP.
func unused(t *testing.T) string {
	t.Helper()
	for range 10 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		l.Close()
		if c, err := net.ListenPacket("udp", address); err == nil {
			c.Close()
			return address
		}
	}
	t.Fatal("no port is free for TCP and UDP")
	return ""
}

func start(t *testing.T) *unit {
	t.Helper()
	ntp, page, secure := unused(t), unused(t), unused(t) // chosen once: the browser finds the unit again when it starts anew
	reader, writer := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		args := []string{"-board", "sim", "-ntp", ntp, "-http", page, "-https", secure, "-state", t.TempDir()}
		err := daemon.Run(ctx, args, daemon.Build{Version: "0.1.0", CommitUnix: "0"}, writer, io.Discard)
		writer.Close()
		ended <- err
	}()
	u := &unit{}
	u.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(u.stop)
	lines := bufio.NewScanner(reader)
	for _, to := range []struct {
		of *regexp.Regexp
		it *string
	}{{pageLine, &u.page}, {secureLine, &u.secure}, {claimLine, &u.code}} {
		if !lines.Scan() {
			t.Fatal("the daemon has said too little")
		}
		m := to.of.FindStringSubmatch(lines.Text())
		if m == nil {
			t.Fatalf("%q", lines.Text())
		}
		*to.it = m[len(m)-1]
		if len(m) > 2 {
			u.ntp = m[1]
		}
	}
	go io.Copy(io.Discard, reader)
	return u
}

// tab is a page in the browser that notes what goes wrong on it.
type tab struct {
	*testing.T
	ctx context.Context

	mu     sync.Mutex
	errors []string
	axe    string
}

func open(t *testing.T, rules string) *tab {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Skip("no chromium: .ci/deps installs it")
	}
	axe, err := os.ReadFile(axeFile)
	if err != nil {
		t.Skip("no axe-core: .ci/page fetches it")
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.NoFirstRun, chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.ExecPath("chromium"), chromedp.WindowSize(1280, 900), chromedp.Env("TZ=UTC"),
	}
	for _, name := range []string{"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync", "ignore-certificate-errors", "hide-scrollbars"} {
		options = append(options, chromedp.Flag(name, true))
	}
	options = append(options, chromedp.Flag("host-resolver-rules", rules))
	allocator, end := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(end)
	ctx, close := chromedp.NewContext(allocator)
	t.Cleanup(close)
	b := &tab{T: t, ctx: ctx, axe: string(axe)}
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatal(err)
	}
	return b
}

// another opens one more tab of the same browser, with the same cookies.
func (b *tab) another() (another *tab, close func()) {
	b.Helper()
	ctx, close := chromedp.NewContext(b.ctx)
	b.Cleanup(close)
	another = &tab{T: b.T, ctx: ctx, axe: b.axe}
	if err := chromedp.Listen(ctx, another.listen); err != nil {
		b.Fatal(err)
	}
	return another, close
}

// listen notes errors of scripts, of the policy and of loading.
func (b *tab) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.errors = append(b.errors, e.Entry.Text+" "+e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		b.errors = append(b.errors, fmt.Sprintf("%+v", e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" {
			b.errors = append(b.errors, fmt.Sprintf("console: %s", e.Args[0].Value))
		}
	}
}

// cut is what a browser may note of a stream that ends as its page is left: the network's word, never an answer of the unit.
const cut = `^Failed to load resource: net::ERR_\S+ https?://\S+/api/v1/stream\?`

// answered is what a browser notes of an answer with a code.
func answered(code int) string {
	return fmt.Sprintf(`^Failed to load resource: the server responded with a status of %d `, code)
}

// quiet fails the test when something went wrong since the last time, but for what is expected, as regular expressions.
func (b *tab) quiet(where string, expected ...string) {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range b.errors {
		known := false
		for _, e := range expected {
			known = known || regexp.MustCompile(e).MatchString(text)
		}
		if !known {
			b.Errorf("%s: the browser says %s", where, text)
		}
	}
	b.errors = nil
}

func (b *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.Fatal(err)
	}
}

// eval returns what a script says; a promise is waited for.
func eval[T any](b *tab, script string) T {
	b.Helper()
	v, err := try[T](b, script)
	if err != nil {
		b.Fatalf("%.80s: %v", script, err)
	}
	return v
}

func try[T any](b *tab, script string) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
}

// do runs a script for what it does.
func (b *tab) do(script string) {
	b.Helper()
	eval[int](b, "(() => {"+script+"; return 0; })()")
}

// until waits for a script to say true; a page that is being loaded says nothing.
func (b *tab) until(what, script string) {
	b.Helper()
	for began := time.Now(); time.Since(began) < patience; time.Sleep(50 * time.Millisecond) {
		if yes, err := try[bool](b, "!!("+script+")"); err == nil && yes {
			return
		}
	}
	b.Fatalf("%s: not within %v; the page says %q", what, patience, eval[string](b, `document.body.innerText.slice(0, 300)`))
}

// goTo opens a page.
func (b *tab) goTo(url string) {
	b.Helper()
	b.run(chromedp.Navigate(url))
}

// accessible runs axe-core on the page as it is.
func (b *tab) accessible(where string) {
	b.Helper()
	eval[int](b, b.axe+";0")
	said := eval[string](b, `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(r => JSON.stringify(r.violations.map(v => [v.id, v.help, v.nodes.slice(0, 3).map(n => n.html.slice(0, 160) + " " + n.failureSummary)])))`)
	var violations []any
	if err := json.Unmarshal([]byte(said), &violations); err != nil {
		b.Fatal(err)
	}
	for _, v := range violations {
		b.Errorf("%s: axe: %v", where, v)
	}
}

func mode(name string) string {
	return fmt.Sprintf(`document.getElementById("verdict").dataset.mode === %q`, name)
}

// prefers lets the browser tell pages what a person prefers.
func (b *tab) prefers(feature, value string) {
	b.Helper()
	b.run(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-" + feature, Value: value}}})
		return err
	}))
}

// dark chooses how the browser shows pages.
func (b *tab) dark(on bool) {
	b.Helper()
	scheme := "light"
	if on {
		scheme = "dark"
	}
	b.prefers("color-scheme", scheme)
}

// scripts lets pages run theirs or not.
func (b *tab) scripts(run bool) {
	b.run(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !run})
		return err
	}))
}

// fits fails the test when the page scrolls sideways.
func (b *tab) fits(where string, width int64) {
	b.Helper()
	b.run(chromedp.EmulateViewport(width, 800))
	if over := eval[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
		wide := eval[string](b, `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll, .index, .geo, svg")).slice(0, 5).map(e => e.outerHTML.slice(0, 120)).join("\n")`)
		b.Errorf("%s: at %d px the page is %d px too wide:\n%s", where, width, over, wide)
	}
	b.run(chromedp.EmulateViewport(1280, 900))
}

// touching says which labels of an axis or of a plot lie over one another.
const touching = `(() => {
	const all = [];
	for (const on of document.querySelectorAll(".frame, .axis, .columns")) {
		const texts = [...on.querySelectorAll("text")].filter(e => getComputedStyle(e).display !== "none" && e.textContent).map(e => [e, e.getBoundingClientRect()]);
		texts.forEach(([e, a], i) => texts.slice(i + 1).forEach(([f, b]) => {
			if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 0 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2)
				all.push((on.closest(".block")?.id ?? "") + ": " + e.textContent + " and " + f.textContent);
		}));
	}
	for (const e of document.querySelectorAll(".frame .y text"))
		if (e.getBoundingClientRect().left < e.closest(".frame").getBoundingClientRect().left - 2) all.push(e.closest(".block").id + ": " + e.textContent + " and what is left of its plot");
	return all.join("; ");
})()`

// readable fails the test when labels touch, on pages of several widths.
func (b *tab) readable(where string) {
	b.Helper()
	for _, width := range []int64{320, 360, 390, 600, 820, 1280} {
		b.run(chromedp.EmulateViewport(width, 900))
		if found := eval[string](b, touching); found != "" {
			b.Errorf("%s: at %d px labels touch: %s", where, width, found)
		}
	}
	if n := eval[int](b, `document.querySelectorAll(".frame .x text, .axis text").length`); n < 15 {
		b.Errorf("%s: %d labels on axes: the test does not see them", where, n)
	}
}

// The panels that a unit which has just locked leaves empty: what they show takes minutes or hours to learn.
const filled = `![...document.querySelectorAll(".block")].some(b => b.querySelector(".empty") && !["loop-jitter", "oscillator-law", "oscillator-stability", "sky-conditions", "sky-latency"].includes(b.id))`

func TestPageInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the race detector finds nothing in a browser")
	}
	u := start(t)
	b := open(t, "MAP foreign.example 127.0.0.1")
	b.goTo(u.page)
	b.until("the clocks run", `document.querySelector("[data-own=skew] dd") !== null`)
	b.accessible("acquiring")
	b.until("the time is known", `document.querySelector("[data-own=clocks] time.big") !== null`)
	if n := eval[int](b, `document.querySelectorAll("[data-own=clocks] time").length`); n != 1 {
		b.Errorf("%d clocks for a viewer whose zone is UTC", n)
	}
	b.claim(u)
	b.locked(u)
	b.skewed(u)
	b.still(u)
	b.withoutScripts(u)
	b.faults(u)
	b.strangers(u)
	b.lost(u)
	b.forms(start(t)) // a change lets a unit start anew: this one need not lock first
}

// ask asks for the time a few times, as a client does.
func (u *unit) ask(t *testing.T) {
	for range 8 {
		if _, err := beevik.QueryWithOptions(u.ntp, beevik.QueryOptions{Timeout: 5 * time.Second}); err != nil {
			t.Error(err)
		}
	}
}

// claim looks at the first page of a new unit and becomes its admin.
func (b *tab) claim(u *unit) {
	b.goTo(u.secure + "claim")
	b.until("the door opens", `document.querySelector("#code")`)
	b.accessible("claim")
	b.picture("claim")
	b.fits("claim", 360)
	b.submit("code", u.code, "password", password, "again", password, "unit", "Tower 3", "zone", "Asia/Shanghai")
	b.until("the unit has an admin", `location.pathname === "/account"`)
	b.accessible("account")
	b.goTo(u.secure + "settings")
	b.accessible("settings")
	b.fits("settings", 360)
	b.quiet("claim")
}

// locked looks at a unit that is well: light and dark, wide and narrow, in both languages.
func (b *tab) locked(u *unit) {
	b.goTo(u.secure)
	b.until("locked", mode("locked"))
	b.until("there are plots", `document.querySelectorAll(".geo .line").length >= 3`)
	u.ask(b.T)
	b.until("the client shows", `document.querySelector("#ntp-clients td") !== null`)
	if *warm > 0 {
		time.Sleep(*warm) // for a picture: nothing is tested
	}
	b.until("no other panel is empty", filled)
	b.until("the local time is that of the unit", `/Asia\/Shanghai UTC\+8/.test(document.querySelector("[data-own=clocks]").textContent) && document.title.endsWith("Tower 3")`)
	before := eval[string](b, `document.querySelector("#loop-head").textContent + document.querySelector("time").textContent`)
	b.until("the page lives", fmt.Sprintf(`document.querySelector("#loop-head").textContent + document.querySelector("time").textContent !== %q`, before))
	b.until("the viewer's clock is compared", `/±/.test(document.querySelector("[data-own=skew]").textContent)`)
	b.accessible("locked")
	b.picture("locked")
	b.dark(true)
	b.accessible("locked, dark")
	b.picture("locked-dark")
	b.dark(false)
	b.fits("locked", 360)
	b.readable("locked")
	b.picture("phone")
	b.crosshair()
	b.do(`document.querySelector(".mast nav a[hreflang=zh-Hans]").click()`)
	b.until("the Chinese page lives", `document.querySelector("[data-own=skew]").textContent.includes("您的电脑")`)
	b.accessible("locked, Chinese")
	b.fits("locked, Chinese", 360)
	b.readable("locked, Chinese")
	b.picture("locked-zh")
	b.do(`document.querySelector(".mast nav a[hreflang=en]").click()`)
	b.until("English again", `document.documentElement.lang === "en"`)
	b.quiet("locked", cut)
}

// crosshair reads a plot with the keyboard.
func (b *tab) crosshair() {
	b.until("a plot can be read", `document.querySelectorAll("#loop-offset tr[data-x]").length > 2 && document.querySelector("#loop-offset .cell").tabIndex === 0`)
	b.do(`document.querySelector("#loop-offset .cell").focus()`)
	read := `document.querySelector("#loop-offset .readout").textContent`
	key := `document.querySelector("#loop-offset .cell").dispatchEvent(new KeyboardEvent("keydown", {key: %q, bubbles: true}))`
	b.do(fmt.Sprintf(key, "End"))
	last := eval[string](b, read)
	b.do(fmt.Sprintf(key, "ArrowLeft"))
	if before := eval[string](b, read); before == last || !strings.Contains(before, "median") {
		b.Errorf("the arrow key has moved the readout from %q to %q", last, before)
	}
	b.do(`document.activeElement.blur()`)
}

// withoutScripts looks at the page as it is sent: complete, with its forms.
func (b *tab) withoutScripts(u *unit) {
	b.scripts(false)
	b.goTo(u.page)
	for _, has := range []string{"#verdict b", "#budget-fall .bar", "#loop-offset .geo .line", "#holdover-forecast .line", "#sky-view circle", "#sim-faults form", "#loop-offset details table", ".dial .hand"} {
		if n := eval[int](b, fmt.Sprintf(`document.querySelectorAll(%q).length`, has)); n == 0 {
			b.Errorf("without scripts: no %s", has)
		}
	}
	b.scripts(true)
	b.quiet("without scripts")
}

// press presses the button of a fault.
func (b *tab) press(fault string) {
	b.do(fmt.Sprintf(`document.querySelector('#sim-faults input[value=%q]').form.requestSubmit()`, fault))
}

func on(fault string, yes bool) string {
	return fmt.Sprintf(`document.querySelector('#sim-faults input[value=%q]').form.querySelector("button").ariaPressed === "%v"`, fault, yes)
}

// faults lets the admin break the simulated unit, and looks at what it makes of it.
func (b *tab) faults(u *unit) {
	b.goTo(u.secure)
	b.until("the page lives", `document.querySelector("[data-own=skew] b") !== null`)
	b.press("antenna-open")
	b.until("holdover", mode("holdover"))
	b.until("the button can be pressed again", on("antenna-open", true))
	b.until("the band says why", `document.querySelector("#alarms-part li") !== null`)
	b.accessible("holdover")
	b.readable("holdover")
	b.dark(true)
	b.picture("holdover")
	b.dark(false)
	b.press("antenna-open")
	b.until("it can be ended", on("antenna-open", false))
	b.press("label")
	b.until("quarantine", mode("quarantine"))
	b.until("the dial has no hand", `document.querySelector(".dial .hand") === null`)
	b.accessible("quarantine")
	b.picture("alarm")
	b.press("label")
	b.until("it can be ended", on("label", false))
	b.quiet("faults")
}

// strangers lets a page of another site and another name ask.
func (b *tab) strangers(u *unit) {
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<form id="f" method="post" action="%sapi/v1/faults"><input name="fault" value="heat"></form>`, u.secure)
	}))
	defer evil.Close()
	b.goTo(evil.URL)
	b.do(`document.getElementById("f").submit()`)
	b.until("a post of another site is refused", `document.body.textContent.includes("another site")`)
	_, port, _ := net.SplitHostPort(strings.Trim(strings.TrimPrefix(u.page, "http://"), "/"))
	b.goTo("http://foreign.example:" + port + "/")
	b.until("a foreign name is refused", `document.body.textContent.includes("does not answer to the name")`)
	b.goTo(u.page)
	b.until("the plain page says where changes are made", `document.querySelector("#sim-faults .cap a").href.startsWith("https://")`)
	b.press("heat")
	b.until("a change over http is refused", `document.querySelector("#sim-faults .said").textContent.includes("https://")`)
	b.quiet("strangers", answered(403), answered(421), "favicon")
}

// lost ends the unit while its page is open.
func (b *tab) lost(u *unit) {
	b.until("the page lives", `document.body.classList.contains("clocked")`)
	u.stop()
	b.until("stale after 5 s", `document.body.dataset.link === "stale" && document.getElementById("verdict").textContent.startsWith("This page lost the unit ")`)
	b.picture("lost")
	b.accessible("lost")
	b.do(`const now = performance.now.bind(performance); performance.now = () => now() + 60e3`)
	b.until("gone after 60 s", `document.body.dataset.link === "gone" && document.querySelector(".marks .fig").textContent === "–"`)
	b.quiet("lost", `^Failed to load resource: net::ERR_`)
}

// picture writes one of the page as it is, when pictures are wanted.
func (b *tab) picture(name string) {
	if *pictures == "" {
		return
	}
	if name == "phone" {
		b.run(chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(2)))
	}
	take := chromedp.FullScreenshot(100)
	if name == "phone" {
		take = chromedp.CaptureScreenshot()
	}
	shot, err := chromedp.Run(b.ctx, take)
	if err != nil {
		b.Fatal(err)
	}
	b.run(chromedp.EmulateViewport(1280, 900))
	small, err := quantised(shot)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*pictures, name+".png"), small, 0o644); err != nil {
		b.Fatal(err)
	}
}
