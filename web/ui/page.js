// Gives the page life: the unit sends its parts once a second and what changed is put in place. Without it, or without the
// unit, the page still says what it knew and since when it knows nothing.
"use strict";

const staleAfter = 5e3, goneAfter = 60e3, slowest = 5e3;
const body = document.body;
const still = matchMedia("(prefers-reduced-motion: reduce)");
const parts = new Map();
let heard = performance.now(); // when the unit was last heard
let served = null; // the unit's clock less performance.now(), ms

for (const id of ["verdict-part", "index-part", "foot-part", ...body.dataset.panels.split(" ")]) {
  const part = document.getElementById(id);
  if (part) parts.set(id, part.innerHTML);
}

// put makes the children of a node those of another and keeps every node that is the same, so that focus, selection,
// scrolling and an open table stay.
function put(old, fresh) {
  const from = [...old.childNodes], to = [...fresh.childNodes];
  to.forEach((next, i) => {
    const now = from[i];
    if (!now) old.append(next);
    else if (now.nodeName !== next.nodeName) now.replaceWith(next);
    else if (now.nodeType !== Node.ELEMENT_NODE) { if (now.data !== next.data) now.data = next.data; }
    else if (!now.dataset.own) { attributes(now, next); put(now, next); }
  });
  from.slice(to.length).forEach(node => node.remove());
}

function attributes(now, next) {
  for (const { name } of [...now.attributes]) if (name !== "open" && !next.hasAttribute(name)) now.removeAttribute(name);
  for (const { name, value } of next.attributes) if (now.getAttribute(name) !== value) now.setAttribute(name, value);
}

function show(id) {
  const part = document.getElementById(id);
  const inside = part.cloneNode(false); // an element of the same kind, so that the parser sees the same context
  inside.innerHTML = parts.get(id);
  put(part, inside);
}

function onPage(event) {
  const page = JSON.parse(event.data);
  const other = page.build !== body.dataset.build || page.panels !== body.dataset.panels;
  if (other && performance.now() > slowest) return location.reload();
  const back = "link" in body.dataset;
  delete body.dataset.link;
  body.dataset.state = page.state;
  document.title = page.title;
  for (const id in page.parts) if (parts.has(id)) parts.set(id, page.parts[id]);
  for (const id of back ? parts.keys() : Object.keys(page.parts)) if (parts.has(id)) show(id);
}

function onStatus(event) {
  const status = JSON.parse(event.data);
  heard = performance.now();
  if (status.served_unix_nanoseconds === null) served = null;
  else {
    // Delay only ever makes the reading late: the greatest is the best, but let an old one fade.
    const now = status.served_unix_nanoseconds / 1e6 - heard;
    served = served === null || Math.abs(now - served) > 1e3 ? now : Math.max(now, served - 0.1);
  }
  body.classList.toggle("clocked", served !== null);
  clock();
}

function connect() {
  const stream = new EventSource("/api/v1/stream?page");
  stream.onmessage = onStatus;
  stream.addEventListener("page", onPage);
  stream.onerror = () => { if (stream.readyState === EventSource.CLOSED) setTimeout(connect, slowest); };
  addEventListener("pagehide", () => stream.close(), { once: true });
}

function own(name, change) { document.querySelectorAll(`[data-own=${name}]`).forEach(change); }

// clock shows the unit's time; the small hand steps with it.
function clock() {
  if (served === null) return;
  const text = new Date(served + performance.now()).toISOString();
  own("time", e => { e.textContent = text.slice(11, 19); e.dateTime = text.slice(0, 19) + "Z"; });
  own("date", e => { e.textContent = text.slice(0, 10); });
  if (!still.matches) own("sweep", e => e.setAttribute("transform", `rotate(${6 * text.slice(17, 19)})`));
}

// tick moves the clock at each full second of the unit, and stops it when the unit is lost.
function tick() {
  const silence = performance.now() - heard;
  if (silence > staleAfter) lost(silence);
  else clock();
  setTimeout(tick, 1001 - ((served ?? 0) + performance.now()) % 1e3);
}

function lost(silence) {
  body.dataset.link = silence > goneAfter ? "gone" : "stale";
  const seconds = Math.floor(silence / 1e3), minutes = Math.floor(seconds / 60);
  document.getElementById("verdict").textContent = "This page lost the unit " + (minutes ? minutes + "\u00a0min" : seconds + "\u00a0s") + " ago.";
  document.title = "Unit lost";
  const word = document.querySelector(".state b");
  if (word.textContent !== "No contact") word.textContent = "No contact"; // once: it is read aloud
  if (silence > goneAfter) document.querySelectorAll(".fig").forEach(e => { e.textContent = "–"; });
}

addEventListener("pageshow", event => { if (event.persisted) location.reload(); });
connect();
tick();
