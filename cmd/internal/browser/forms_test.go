package browser

import (
	"fmt"
	"strings"
)

// reviewed is what the page says that shows a change before it is applied.
const reviewed = "Nothing has changed yet."

// limit is the setting that the forms are tried with: any unit has it, and no option of this one overrides it.
const limit = `document.getElementById("f-server.limit")`

// submit types values into the fields with these ids and sends their form.
func (b *tab) submit(typed ...string) {
	b.Helper()
	script := ""
	for i := 0; i < len(typed); i += 2 {
		script += fmt.Sprintf("document.getElementById(%q).value = %q; ", typed[i], typed[i+1])
	}
	b.do(script + fmt.Sprintf("document.getElementById(%q).form.requestSubmit()", typed[0]))
}

// says waits until the page says something.
func (b *tab) says(text string) {
	b.Helper()
	b.until(text, fmt.Sprintf(`document.readyState === "complete" && document.body.textContent.includes(%q)`, text))
}

// click presses the button of a form that goes to a path.
func (b *tab) click(path string) {
	b.Helper()
	b.do(fmt.Sprintf(`document.querySelector('form[action=%q] button').click()`, path))
}

// holds fails the test unless a script says a text.
func (b *tab) holds(what, script, want string) {
	b.Helper()
	if got := eval[string](b, script); got != want {
		b.Errorf("%s: %q, want %q", what, got, want)
	}
}

const fileHas = `(document.getElementById("text").value.match(/limit = "(.*)"/) ?? [])[1] ?? ""`

// forms sends the settings as people do who err, who work in two tabs, and whose session ends meanwhile.
func (b *tab) forms(u *unit) {
	stale, closeStale := b.another()
	defer closeStale()
	review, closeReview := b.another()
	defer closeReview()
	b.goTo(u.secure + "claim")
	b.submit("code", "AAAA", "password", password, "again", password+"!")
	b.says("The two passwords are not the same.")
	b.holds("the code", `document.getElementById("code").value`, "AAAA")
	b.quiet("claim, a bad value", answered(422))
	b.submit("code", u.code, "password", password, "again", password)
	b.until("the unit has an admin", `location.pathname === "/account"`)
	b.goTo(u.secure + "settings")
	stale.goTo(u.secure + "settings")
	review.goTo(u.secure + "settings")
	review.submit("f-server.limit", "5ms")
	review.says(reviewed)

	b.badValue()
	b.apply(u, func() {
		review.click("/settings/apply")
		review.says("Nothing is applied yet: a change of admin is being tried")
		review.holds("what waits", fileHas, "5ms")
		review.accessible("settings, a change that waits")
		review.quiet("a change that waits", answered(409))
	})
	stale.submit("f-server.limit", "3ms")
	stale.says("The file has changed since you began.")
	stale.holds("what was typed", fileHas, "3ms")
	review.click("/settings/apply")
	review.says("the file has changed since: look at the difference anew")
	review.holds("what was to be applied", fileHas, "5ms")
	review.submit("text", "[server]\nlimit = \"5ms\"\n")
	review.says(reviewed)
	review.holds("the difference from the file as it is now", `[...document.querySelectorAll(".diff code")].map(e => e.textContent.trim()).filter(t => t.startsWith("limit")).join("; ")`, `limit = "2ms"; limit = "5ms"`)
	review.quiet("review", answered(409))

	b.ended(stale, u)
	stale.quiet("stale")
}

// badValue types what can't be: the form says so beside the field, and keeps that and what else was typed.
func (b *tab) badValue() {
	b.submit("f-server.limit", "soon", "f-web.hosts", "time.example")
	b.says("It cannot be applied like this.")
	b.holds("the bad value", limit+".value", "soon")
	b.holds("what else was typed", `document.getElementById("f-web.hosts").value.trim()`, "time.example")
	b.holds("what is marked as wrong", `[...document.querySelectorAll("[aria-invalid=true]")].map(e => e.id).join(" ")`, "f-server.limit")
	b.until("the field's description says what is wrong", `[...`+limit+`.getAttribute("aria-describedby").split(" ")].some(id => document.getElementById(id).matches(".wrong") && document.getElementById(id).textContent.includes("soon"))`)
	b.accessible("settings, a bad value")
	b.quiet("a bad value", answered(422))
}

// apply changes the limit to 2 ms and keeps it; meanwhile others may try.
func (b *tab) apply(u *unit, meanwhile func()) {
	b.submit("f-server.limit", "2ms", "f-web.hosts", "")
	b.says(reviewed)
	b.click("/settings/apply")
	b.until("it is being tried", `document.querySelector('form[action="/settings/confirm"]')`)
	b.accessible("settings, a trial")
	meanwhile()
	b.click("/settings/confirm")
	b.until("it is kept", `location.search === "?done=confirmed"`)
	b.quiet("apply")
}

// ended types a change, lets another tab sign out and sends it: the unit asks who it is, and what was typed is sent after that.
func (b *tab) ended(other *tab, u *unit) {
	b.goTo(u.secure + "settings")
	other.goTo(u.secure + "account")
	other.click("/logout")
	other.until("signed out", `location.pathname === "/"`)
	b.submit("f-server.limit", "6ms")
	b.says("What you had entered is kept")
	b.submit("password", "no horse, no battery", "name", "admin")
	b.says("Wrong name or password.")
	b.holds("the name", `document.getElementById("name").value`, "admin")
	b.holds("the password", `document.getElementById("password").value`, "")
	b.accessible("sign-in, a wrong password")
	b.submit("password", password)
	b.says("has not been sent yet")
	b.click("/settings")
	b.says(reviewed)
	b.holds("what was typed", fileHas, "6ms")
	if said := eval[string](b, `document.body.textContent`); strings.Contains(said, "changed since") {
		b.Errorf("the sign-in has made a conflict of a file that nobody has changed: %q", said)
	}
	b.quiet("an ended session", answered(401), answered(403))
}
