// Marks the part of the source that stands behind the passage under the pointer or with the focus.

import { percent } from "./figures.js";

const at = (id) => document.getElementById(id);

const STEPS = { ArrowLeft: -1, ArrowRight: 1 };

let passages = [];

/** Follow pointer and focus in the result from now on. */
export function watchPassages() {
  const result = at("compressed");
  for (const event of ["pointerover", "focusin"]) result.addEventListener(event, ({ target }) => show(target));
  for (const event of ["pointerout", "focusout"]) result.addEventListener(event, showFocused);
  result.addEventListener("keydown", move);
}

/** The passages of the answer that is shown. */
export function setPassages(found) {
  passages = found;
  at("behind").textContent = "";
}

function show(target) {
  const passage = passages[target.dataset.index];
  if (!passage) return;
  clear();
  target.dataset.shown = "";
  const behind = [...at("source").children].filter((one) => isWithin(one.dataset, passage.source));
  for (const element of behind) element.dataset.behind = "";
  if (behind.length) reveal(behind[0]);
  at("behind").textContent = sentenceOn(passage);
}

/** Without a pointer on any passage, the one with the focus counts again. */
function showFocused({ relatedTarget }) {
  if (relatedTarget?.classList?.contains("passage")) return;
  clear();
  at("behind").textContent = "";
  const focused = document.activeElement;
  if (focused?.classList.contains("passage") && focused !== relatedTarget && focused.matches(":focus")) show(focused);
}

function clear() {
  for (const element of document.querySelectorAll("#source [data-behind]")) delete element.dataset.behind;
  for (const element of document.querySelectorAll("#compressed [data-shown]")) delete element.dataset.shown;
}

function isWithin({ start, end }, ranges) {
  return ranges.some(([first, last]) => first <= Number(start) && Number(end) <= last);
}

/** Scroll the source, and nothing else, until `element` is in sight. */
function reveal(element) {
  const box = at("source");
  const [there, seen] = [element.getBoundingClientRect(), box.getBoundingClientRect()];
  if (there.top < seen.top || there.bottom > seen.bottom) box.scrollTop += there.top - seen.top - seen.height / 4;
}

function sentenceOn({ by, support, source }) {
  if (by === "source") return "From the source, to the letter.";
  const parts = source.length === 1 ? "one part" : `${source.length} parts`;
  return `By the model; rests on ${parts} of the source, support ${percent(support)}.`;
}

/** One Tab leads to the passages, the arrow keys go from one to the next. */
function move(event) {
  const here = event.target.closest(".passage");
  const step = STEPS[event.key];
  if (!here || !step || event.ctrlKey || event.altKey || event.metaKey) return;
  const every = [...at("compressed").querySelectorAll(".passage")];
  const next = every[every.indexOf(here) + step];
  if (!next) return;
  event.preventDefault();
  here.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}
