// The source and the result, cut so that what stands behind a passage can be marked.

/** The source as nodes: what is left out, what a sentence of the model's rests on, and facts that are missing. */
export function sourceNodes(text, fidelity) {
  const behind = (by) => fidelity.passages.filter((one) => one.by === by).flatMap((one) => one.source);
  const missing = (fidelity.explain?.facts ?? []).filter((one) => !one.kept).flatMap((one) => one.places);
  const layers = { omitted: fidelity.omitted, model: behind("model"), source: behind("source"), missing };
  return runs(text, layers).map(sourceNode);
}

function sourceNode({ text, start, end, omitted, model, missing }) {
  const element = document.createElement(omitted && !model ? "del" : "span");
  if (omitted && model) element.dataset.said = "model";
  if (missing) {
    const mark = document.createElement("mark");
    mark.textContent = text;
    element.append(mark);
  } else {
    element.textContent = text;
  }
  Object.assign(element.dataset, { start, end });
  return element;
}

/** The result as nodes: an element for each passage, which can have the focus, and the text between them. */
export function resultNodes(text, passages) {
  const offsets = utf16Offsets(text);
  const nodes = [];
  let reached = 0;
  for (const [index, { start, end, by }] of passages.entries()) {
    const element = document.createElement("span");
    element.textContent = text.slice(offsets[start], offsets[end]);
    element.className = "passage";
    element.tabIndex = index === 0 ? 0 : -1;
    Object.assign(element.dataset, { index, by });
    nodes.push(text.slice(reached, offsets[start]), element);
    reached = offsets[end];
  }
  return [...nodes, text.slice(reached)];
}

/**
 * `text` cut wherever a range of a layer begins or ends. `layers`: ranges [start, end] in code points by name. A run has
 * its text, its `start` and `end` in code points, and for each layer whether it is in one of its ranges.
 */
function runs(text, layers) {
  const offsets = utf16Offsets(text);
  const steps = new Map([0, offsets.length - 1].map((at) => [at, {}]));
  const step = (at, name, change) => {
    if (!steps.has(at)) steps.set(at, {});
    steps.get(at)[name] = (steps.get(at)[name] ?? 0) + change;
  };
  for (const [name, ranges] of Object.entries(layers)) {
    for (const [start, end] of ranges) {
      step(start, name, 1);
      step(end, name, -1);
    }
  }
  const borders = [...steps.keys()].sort((one, other) => one - other);
  const open = {};
  const found = [];
  for (const [at, start] of borders.slice(0, -1).entries()) {
    for (const [name, change] of Object.entries(steps.get(start))) open[name] = (open[name] ?? 0) + change;
    const end = borders[at + 1];
    found.push({ ...open, start, end, text: text.slice(offsets[start], offsets[end]) });
  }
  return found;
}

/** The API counts code points, strings here are UTF-16: the place in the string of each code point, and of its end. */
function utf16Offsets(text) {
  const offsets = [];
  for (let unit = 0; unit < text.length; unit += text.codePointAt(unit) > 0xffff ? 2 : 1) offsets.push(unit);
  offsets.push(text.length);
  return offsets;
}
