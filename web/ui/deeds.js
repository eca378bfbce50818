// Sends the page's small forms without leaving the page; what became of it is said beside them.
import { say } from "./words.js";

async function send(form) {
  const fields = new URLSearchParams(new FormData(form));
  fields.delete("from"); // the answer is for this script
  const said = form.closest(".block, #alarms-part")?.querySelector(".said") ?? document.querySelector(".said");
  const tell = text => { if (said) said.textContent = text; };
  const buttons = form.querySelectorAll("button");
  buttons.forEach(b => { b.disabled = true; });
  try {
    const answer = await fetch(form.action, { method: "POST", body: fields, headers: { Accept: "application/json" } });
    const text = await answer.text();
    if (answer.ok) tell(say("deed.done"));
    else if (answer.status === 401) location.assign("/login");
    else tell(message(text));
  } catch {
    tell(say("deed.lost"));
  }
  buttons.forEach(b => { b.disabled = false; });
}

function message(text) {
  try {
    return JSON.parse(text).message;
  } catch {
    return text.trim();
  }
}

export function deeds() {
  document.addEventListener("submit", event => {
    if (!event.target.matches("form.deed")) return;
    event.preventDefault();
    send(event.target);
  });
}
