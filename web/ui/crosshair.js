// The crosshair of a plot: the line of its table that is nearest is read out. Arrow keys move it.
import { effect } from "@preact/signals";
import { heard } from "./link.js";

const plots = new WeakMap(); // the hair of each cell

function rows(cell) {
  const block = cell.closest(".block");
  return [...block?.querySelectorAll("details tr[data-x]") ?? []];
}

function readOut(cell, row) {
  const block = cell.closest(".block"), out = block.querySelector(".readout");
  // A head is "median, ns": the unit is said once, behind the last figure.
  const heads = [...row.closest("table").tHead.rows[0].cells].map(c => c.textContent.split(/, |，/));
  const text = [...row.cells].map((c, i) => i ? heads[i][0] + " " + c.textContent : c.textContent).join("  ") + " " + (heads.at(-1)[1] ?? "");
  let hair = plots.get(cell);
  if (!hair) {
    hair = document.createElement("i");
    hair.className = "hair";
    hair.dataset.own = "hair";
    plots.set(cell, hair);
  }
  hair.style.left = row.dataset.x / 10 + "%";
  cell.append(hair);
  cell.at = row.dataset.x;
  if (!out) return;
  out.dataset.own = "readout";
  out.before_ ??= out.textContent;
  out.textContent = text;
}

function leave(cell) {
  plots.get(cell)?.remove();
  cell.at = undefined;
  const out = cell.closest(".block")?.querySelector(".readout");
  if (!out?.dataset.own) return;
  delete out.dataset.own;
  out.textContent = out.before_;
  out.before_ = undefined;
}

function nearest(all, x) {
  return all.reduce((best, row) => Math.abs(row.dataset.x - x) < Math.abs(best.dataset.x - x) ? row : best);
}

function onPointer(event) {
  const cell = event.target.closest?.(".cell");
  if (!cell || cell.closest(".side")) return;
  const all = rows(cell);
  if (!all.length) return;
  const box = cell.getBoundingClientRect();
  readOut(cell, nearest(all, 1000 * (event.clientX - box.left) / box.width));
}

function onKey(event) {
  const cell = event.target.closest?.(".cell");
  if (!cell || !["ArrowLeft", "ArrowRight", "Home", "End", "Escape"].includes(event.key)) return;
  event.preventDefault();
  if (event.key === "Escape") return leave(cell);
  const all = rows(cell).sort((a, b) => a.dataset.x - b.dataset.x);
  if (!all.length) return;
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  let i = event.key === "Home" ? 0 : all.length - 1;
  if (step && cell.at !== undefined) i = all.indexOf(nearest(all, cell.at)) + step;
  readOut(cell, all[Math.max(0, Math.min(all.length - 1, i))]);
}

export function crosshairs() {
  effect(() => { // plots appear while the page is open
    if (heard.value === 0) return;
    document.querySelectorAll(".block:has(.readout) .cell").forEach(cell => { if (!cell.closest(".side")) cell.tabIndex = 0; });
  });
  addEventListener("pointermove", onPointer, { passive: true });
  addEventListener("pointerdown", onPointer, { passive: true });
  document.addEventListener("pointerout", event => {
    const cell = event.target.closest?.(".cell");
    if (cell && !cell.contains(event.relatedTarget)) leave(cell);
  });
  document.addEventListener("keydown", onKey);
  document.addEventListener("focusout", event => { const cell = event.target.closest?.(".cell"); if (cell) leave(cell); });
}
