// Joins passages and what of the source stands behind them, under the pointer and with the focus, both ways.

import { percent } from "./figures.js";

const at = (id) => document.getElementById(id);

const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };

let passages = [];
let shown = null;

/** Follow pointer and focus in source and result from now on. */
export function watchLinks() {
  for (const box of [at("source"), at("compressed")]) {
    for (const event of ["pointerover", "focusin"]) box.addEventListener(event, ({ target }) => show(linked(target)));
    for (const event of ["pointerout", "focusout"]) box.addEventListener(event, showFocused);
    box.addEventListener("keydown", move);
  }
}

/** The passages of the answer that is shown; the nodes are in place. One Tab leads to the first of each side. */
export function setPassages(found) {
  passages = found;
  show(null);
  for (const box of [at("source"), at("compressed")]) box.querySelector("[tabindex]")?.setAttribute("tabindex", "0");
}

/** The element of source or result that `target` lies in and that has something on the other side. */
function linked(target) {
  return target?.closest?.("[data-passages], [data-index]") ?? null;
}

function show(element) {
  if (element === shown) return;
  shown = element;
  for (const one of document.querySelectorAll("[data-shown]")) delete one.dataset.shown;
  at("behind").textContent = "";
  if (!element) return;
  const indexes = indexesOf(element);
  const inResult = [...at("compressed").children].filter(({ dataset }) => indexes.has(dataset.index));
  const inSource = [...at("source").children].filter((one) => [...indexesOf(one)].some((index) => indexes.has(index)));
  for (const one of [...inResult, ...inSource]) one.dataset.shown = "";
  const isPassage = element.dataset.index !== undefined;
  const [box, others] = isPassage ? [at("source"), inSource] : [at("compressed"), inResult];
  if (others.length) reveal(box, others[0]);
  at("behind").textContent = inResult.map(({ dataset }) => sentenceOn(passages[dataset.index])).join(" ");
}

function indexesOf({ dataset }) {
  return new Set((dataset.index ?? dataset.passages ?? "").split(" ").filter(Boolean));
}

/** Without a pointer on anything linked, what has the focus counts again. */
function showFocused({ relatedTarget }) {
  if (linked(relatedTarget)) return;
  const focused = linked(document.activeElement);
  show(focused !== relatedTarget && focused?.matches(":focus") ? focused : null);
}

/** Scroll `box`, and nothing else, until `element` is in sight. */
function reveal(box, element) {
  const [there, seen] = [element.getBoundingClientRect(), box.getBoundingClientRect()];
  if (there.top < seen.top || there.bottom > seen.bottom) box.scrollBy({ top: there.top - seen.top - seen.height / 4 });
}

function sentenceOn({ by, support, source }) {
  if (by === "source") return "From the source, word for word.";
  const parts = source.length === 1 ? "one part" : `${source.length} parts`;
  return `By the model; rests on ${parts} of the source, support ${percent(support)}.`;
}

/** Arrow keys go from one to the next, Enter goes over to the other side. */
function move(event) {
  const here = linked(event.target);
  if (!here || event.ctrlKey || event.altKey || event.metaKey) return;
  const next = event.key === "Enter" ? otherSide(here) : neighbour(here, STEPS[event.key]);
  if (!next) return;
  event.preventDefault();
  for (const one of next.parentElement.querySelectorAll('[tabindex="0"]')) one.tabIndex = -1;
  next.tabIndex = 0;
  next.focus({ preventScroll: true });
  reveal(next.parentElement, next);
}

function neighbour(here, step) {
  if (!step) return null;
  const every = [...here.parentElement.querySelectorAll("[tabindex]")];
  return every[every.indexOf(here) + step];
}

function otherSide(here) {
  const other = here.parentElement === at("source") ? at("compressed") : at("source");
  return other.querySelector("[data-shown][tabindex]");
}
