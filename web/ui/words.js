// The words of this page's language that scripts say; the catalogue is the unit's.
const all = JSON.parse(document.body.dataset.words);

// say returns the text of a key, with each {name} filled in.
export function say(key, fill = {}) {
  return (all[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => fill[name] ?? whole);
}

const nbsp = "\u00a0";
const units = { d: "天", h: "小时", min: "分钟", s: "秒", ms: "毫秒" };

// quantity joins a number and its unit as a sentence of this language has it.
export function quantity(number, unit) {
  const negative = number < 0 ? "−" : "";
  return negative + String(number).replace("-", "") + nbsp + (document.body.dataset.lang === "zh" ? units[unit] : unit);
}

// span writes how long something lasted, with two units at most.
export function span(seconds) {
  const s = Math.floor(seconds), m = Math.floor(s / 60), h = Math.floor(m / 60), d = Math.floor(h / 24);
  if (d) return quantity(d, "d") + (h % 24 ? nbsp + quantity(h % 24, "h") : "");
  if (h) return quantity(h, "h") + (m % 60 ? nbsp + quantity(m % 60, "min") : "");
  return m ? quantity(m, "min") : quantity(s, "s");
}
