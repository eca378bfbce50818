// Says that the unit is lost: what was last known turns grey, and is taken back after a minute.
import { effect } from "@preact/signals";
import { link, silence } from "./link.js";
import { say, span } from "./words.js";

const body = document.body;

export function lost() {
  effect(() => {
    if (link.value === "live") {
      delete body.dataset.link;
      return;
    }
    body.dataset.link = link.value;
    document.getElementById("verdict").textContent = say("lost", { span: span(silence.value / 1e3) });
    document.title = say("lost.title");
    const word = document.querySelector(".state b");
    if (word.textContent !== say("lost.word")) word.textContent = say("lost.word"); // once: it is read aloud
    if (link.value === "gone") document.querySelectorAll(".fig").forEach(e => { if (!e.closest("[data-own]")) e.textContent = "–"; });
  });
}
