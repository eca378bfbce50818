// The unit's clock, the viewer's local time, and how wrong the viewer's own clock is.
import { computed, effect, signal } from "@preact/signals";
import { h, render } from "preact";
import htm from "htm";
import { link, served, tick } from "./link.js";
import { quantity, say, span } from "./words.js";

const html = htm.bind(h);
const still = matchMedia("(prefers-reduced-motion: reduce)");
const lang = document.documentElement.lang;

// utc is the unit's time now as a Date, null while it knows none. It stands still when the unit is lost.
const utc = computed(() => served.value === null || link.value !== "live" ? null : new Date(served.value + tick.value));
let last = null; // that was shown

// zone is that of the unit's admin or else the viewer's own; a browser that does not know it shows its own.
const zone = (() => {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC", wanted = document.body.dataset.zone;
  try {
    return wanted ? new Intl.DateTimeFormat("en", { timeZone: wanted }).resolvedOptions().timeZone : own;
  } catch {
    return own;
  }
})();
const inZone = (date, parts, tag = "en-GB") => new Intl.DateTimeFormat(tag, { ...parts, timeZone: zone, hourCycle: "h23" }).format(date);
const isoDay = date => inZone(date, { year: "numeric", month: "2-digit", day: "2-digit" }, "en-CA");
const offset = date => new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "longOffset" }).formatToParts(date).find(p => p.type === "timeZoneName").value.slice(3);

function zoneName(date) {
  return `${zone} UTC${(offset(date) || "+0").replace("-", "−").replace(/:00$/, "").replace(/([+−])0/, "$1")}`;
}

function dayOfYear(date) {
  return Math.floor((date - Date.UTC(date.getUTCFullYear(), 0, 0)) / 864e5);
}

function Clocks() {
  const now = utc.value ?? (link.value === "live" ? null : last);
  if (now === null) {
    return html`<div><dt>UTC</dt><dd><span class="big">–</span><small>${say("clock.unknown")}</small></dd></div>`;
  }
  last = now;
  if (link.value === "gone") {
    return html`<div><dt>UTC</dt><dd><span class="big">–</span></dd></div>`;
  }
  const text = now.toISOString();
  const local = /^(Etc\/)?(UTC|UCT|GMT|Zulu|Universal)$/.test(zone) ? null : html`<div><dt>${say("clock.local", { zone: zoneName(now) })}</dt><dd>
    <time class="big fig" datetime=${text.slice(0, 19) + "Z"}>${inZone(now, { timeStyle: "medium" })}</time>
    <small class="fig">${isoDay(now)} · ${inZone(now, { weekday: "long" }, lang)}</small></dd></div>`;
  return html`<div><dt>UTC</dt><dd><time class="big fig" datetime=${text.slice(0, 19) + "Z"}>${text.slice(11, 19)}</time>
    <small class="fig">${text.slice(0, 10)} · ${say("day-of-year", { n: dayOfYear(now) })}</small></dd></div>${local}`;
}

// error is the viewer's clock less the unit's, and what that may be wrong by, in seconds; null = not compared.
const error = signal(null);
const amber = 1, red = 15 * 60, probes = 4, again = 30e3;

async function probe() {
  const sent = performance.now(), clock = Date.now();
  const answer = await fetch("/api/v1/now", { cache: "no-store" });
  const { earliest_unix_nanoseconds: earliest, latest_unix_nanoseconds: latest } = await answer.json();
  const took = performance.now() - sent;
  if (earliest === null) return null;
  return { by: (clock + took / 2 - (earliest + latest) / 2e6) / 1e3, within: (took / 2 + (latest - earliest) / 2e6 + 1) / 1e3 };
}

async function compare() {
  try {
    let best = null;
    for (let i = 0; i < probes; i++) {
      const one = await probe();
      if (one && (!best || one.within < best.within)) best = one;
    }
    error.value = best;
  } catch { /* the link says that the unit is lost */ }
  setTimeout(compare, again);
}

function rounded(seconds) {
  if (seconds >= 60) return span(seconds);
  return seconds >= 0.1 ? quantity(Number(seconds.toPrecision(2)), "s") : quantity(Number((seconds * 1e3).toPrecision(2)), "ms");
}

const octagon = "M3.5 0h5L12 3.5v5L8.500 12h-5L0 8.500v-5z", triangle = "M6 0l6 12H0z";

function Skew() {
  const e = error.value;
  if (e === null || served.value === null) return html`<div><dt>${say("skew")}</dt><dd>${say("skew.unknown")}</dd></div>`;
  const off = Math.abs(e.by), level = off > red ? "red" : off > amber ? "amber" : "";
  const words = off <= e.within ? say("skew.right") : say(e.by > 0 ? "skew.fast" : "skew.slow", { error: rounded(off) });
  return html`<div><dt>${say("skew")}</dt><dd>
    ${level && html`<svg class=${"level " + (level === "red" ? "octagon" : "triangle")} viewBox="0 0 12 12" aria-hidden="true"><path d=${level === "red" ? octagon : triangle} /></svg>`}
    <b class=${level}>${words}</b> <span class="fig">±${rounded(e.within)}</span>${level && html`<small>${say("skew." + level)}</small>`}</dd></div>`;
}

export function clocks() {
  for (const [name, view] of [["clocks", Clocks], ["skew", Skew]]) {
    const place = document.querySelector(`[data-own=${name}]`);
    place.replaceChildren();
    render(html`<${view} />`, place);
  }
  effect(() => {
    document.body.classList.toggle("clocked", served.value !== null);
    if (utc.value && !still.matches) {
      document.querySelector("[data-own=sweep]")?.setAttribute("transform", `rotate(${6 * utc.value.getUTCSeconds()})`);
    }
  });
  compare();
}
