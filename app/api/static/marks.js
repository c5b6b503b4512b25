// The source and the result as nodes, cut so that passages and what stands behind them can be marked.

import { codePoints, runs, utf16Offsets } from "./codepoints.js";

const OMITTED = "omitted";

/**
 * The source as nodes: what was left out, what passages of the result stand on, and facts that are missing.
 * `fidelity`: `passages`, `omitted`, `explain` as in the API's answer; the latter two may be absent.
 */
export function sourceNodes(text, { passages, omitted = [], explain }) {
  const missing = (explain?.facts ?? []).filter((one) => !one.kept).flatMap((one) => one.places);
  const behind = passages.flatMap((one, index) => one.source.map(([start, end]) => ({ start, end, key: index })));
  const left = omitted.map(([start, end]) => ({ start, end, key: OMITTED }));
  const isByModel = (index) => passages[index]?.by === "model";
  const facts = missing.toSorted(([one], [other]) => one - other);
  return runs(text, [...behind, ...left]).map((run) => sourceNode(run, isByModel, facts));
}

function sourceNode({ text, start, end, keys }, isByModel, facts) {
  const isOmitted = keys.includes(OMITTED);
  const indexes = keys.filter((key) => key !== OMITTED);
  const rewritten = isOmitted && indexes.some(isByModel);
  const element = document.createElement(isOmitted && !rewritten ? "del" : "span");
  Object.assign(element.dataset, { start, end });
  if (rewritten) element.dataset.rewritten = "";
  if (indexes.length) {
    element.dataset.passages = indexes.join(" ");
    element.tabIndex = -1;
  }
  element.append(...withFacts(text, start, end, facts));
  return element;
}

/** The text of a run, in code points `start` to `end`, with those `facts` marked that begin in it. */
function withFacts(text, start, end, facts) {
  const inside = facts.slice(firstFrom(facts, start), firstFrom(facts, end));
  if (!inside.length) return [text];
  const ranges = inside.map(([first, last]) => ({ start: first - start, end: Math.min(last, end) - start, key: "missing" }));
  return runs(text, ranges).map((run) => {
    if (!run.keys.length) return run.text;
    return Object.assign(document.createElement("mark"), { textContent: run.text });
  });
}

/** The index of the first of `facts`, which are in order, that begins at `start` or later. */
function firstFrom(facts, start) {
  let [low, high] = [0, facts.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (facts[middle][0] < start) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The result as nodes: an element for each passage, which can have the focus, and the text between them. */
export function resultNodes(text, passages) {
  const offsets = utf16Offsets(text);
  const nodes = [];
  let reached = 0;
  for (const [index, { start, end, by, support }] of passages.entries()) {
    const element = document.createElement("span");
    element.textContent = text.slice(offsets[start], offsets[end]);
    element.className = "passage";
    element.tabIndex = -1;
    Object.assign(element.dataset, { index, by });
    if (by === "model") element.dataset.support = `${Math.round(100 * support)} %`;
    nodes.push(text.slice(reached, offsets[start]), element);
    reached = offsets[end];
  }
  return [...nodes, text.slice(reached)];
}

/**
 * What is known of a result before it is complete, in the form of the API's answer: the sentences by the model first,
 * then passages of the source in its order. `known`: the data of the stream's events.
 */
export function previewOf(source, known) {
  const offsets = utf16Offsets(source);
  const place = ({ source: [[start]] }) => start;
  const byModel = known.filter(({ by }) => by === "model");
  const bySource = known.filter(({ by }) => by === "source").toSorted((one, other) => place(one) - place(other));
  let [compressed, length, before] = ["", 0, null];
  const passages = [...byModel, ...bySource].map((one) => {
    const gap = separator(before, one, source, offsets);
    const start = length + gap.length;
    compressed += gap + one.text;
    length = start + codePoints(one.text);
    before = one;
    return { ...one, start, end: length };
  });
  return { compressed, passages };
}

function separator(before, next, source, offsets) {
  if (!before) return "";
  if (before.by !== next.by) return "\n\n";
  if (next.by === "model") return " ";
  const gap = source.slice(offsets[before.source.at(-1)[1]], offsets[next.source[0][0]]);
  return gap.includes("\n\n") ? "\n\n" : gap.includes("\n") ? "\n" : " ";
}
