// The link to the unit: what it says, and since when it has said nothing.
import { computed, signal } from "@preact/signals";
import { put } from "./put.js";

const staleAfter = 5e3, goneAfter = 60e3, slowest = 5e3;
const body = document.body;
const parts = new Map(); // HTML by the id of its element, as the unit last had it

export const tick = signal(performance.now()); // moves with each full second of the unit
export const heard = signal(performance.now()); // when the unit was last heard
export const served = signal(null); // the unit's clock less performance.now(), ms; null = it knows no time
export const silence = computed(() => Math.max(0, tick.value - heard.value));
export const link = computed(() => silence.value > goneAfter ? "gone" : silence.value > staleAfter ? "stale" : "live");

function show(id) {
  const part = document.getElementById(id);
  if (!part) return;
  const inside = part.cloneNode(false); // an element of the same kind, so that the parser sees the same context
  inside.innerHTML = parts.get(id);
  put(part, inside);
}

function onPage(event) {
  const page = JSON.parse(event.data);
  if (page.build !== body.dataset.build && performance.now() > slowest) return location.reload();
  const back = "link" in body.dataset;
  heard.value = tick.value = performance.now();
  body.dataset.state = page.state;
  document.title = page.title;
  for (const id in page.parts) parts.set(id, page.parts[id]);
  for (const id of back ? parts.keys() : Object.keys(page.parts)) show(id);
}

function onStatus(event) {
  const status = JSON.parse(event.data), now = performance.now();
  heard.value = now;
  if (status.served_unix_nanoseconds === null) {
    served.value = null;
    return;
  }
  // Delay only ever makes the reading late: the greatest is the best, but let an old one fade.
  const reading = status.served_unix_nanoseconds / 1e6 - now, old = served.value;
  served.value = old === null || Math.abs(reading - old) > 1e3 ? reading : Math.max(reading, old - 0.1);
}

export function connect() {
  const { lang, span } = body.dataset;
  const stream = new EventSource(`/api/v1/stream?page&lang=${lang}&span=${span}`);
  stream.onmessage = onStatus;
  stream.addEventListener("page", onPage);
  stream.onerror = () => { if (stream.readyState === EventSource.CLOSED) setTimeout(connect, slowest); };
  addEventListener("pagehide", () => stream.close(), { once: true });
}

// second calls itself at each full second of the unit, as an escapement does.
(function second() {
  const now = performance.now();
  tick.value = now;
  setTimeout(second, 1001 - ((served.peek() ?? 0) + now) % 1e3);
})();
