// What a compression came to.

import { bytes, count, dollars, percent, plural, seconds } from "./figures.js";
import { markedText } from "./marks.js";

const METHODS = {
  verbatim: "This is the text itself: nothing shorter keeps its facts.",
  extractive: "Made of the source’s own words.",
  abstractive: "Made of the model’s sentences and the source’s own words.",
};

const at = (id) => document.getElementById(id);

/** Show `answer`, which `/compress` gave for `source`. */
export function showResult(source, answer) {
  const { fidelity } = answer;
  const ledger = fidelity.ledger ?? [];
  at("making").textContent = makingOf(answer);
  at("source").replaceChildren(markedText(source, ledger));
  at("compressed").textContent = answer.compressed;
  at("facts-heading").textContent = `All facts (${count(fidelity.facts)})`;
  fillWhenOpened(at("facts"), at("fact-rows"), () => ledger.map(factRow));
  at("facts").hidden = ledger.length === 0;
  at("left-out-heading").textContent = `Not told whole (${count(fidelity.left_out.length)})`;
  fillWhenOpened(at("left-out"), at("left-out-rows"), () => fidelity.left_out.map((text) => cell("li", text)));
  at("left-out").hidden = fidelity.left_out.length === 0;
  at("capsule-note").textContent = capsuleOf(answer);
  at("result").hidden = false;
}

/** The same figures as in the answer, as a sentence. */
export function summaryOf({ fidelity, sizes, timing }) {
  const { facts, kept, restored, missing } = fidelity;
  const fates = `${count(kept)} kept, ${count(restored)} restored, ${count(missing.length)} missing`;
  const tokens = `${count(sizes.source_tokens)} tokens became ${count(sizes.compressed_tokens)} (${percent(sizes.token_ratio)})`;
  return `${plural(facts, "fact", "facts")}: ${fates}. ${tokens} in ${seconds(timing.total_ms / 1000)}.`;
}

function makingOf({ method, fidelity, cost }) {
  const said = [METHODS[method]];
  if (fidelity.invented_removed) {
    said.push(`${plural(fidelity.invented_removed, "fact", "facts")} that the model made up ${fidelity.invented_removed === 1 ? "was" : "were"} taken out.`);
  }
  if (fidelity.made.degraded) said.push(`Not checked: ${fidelity.made.degraded}.`);
  if (cost.cloud_usd) said.push(`${dollars(cost.cloud_usd)} in a cloud, ${dollars(cost.local_usd)} here.`);
  return said.join(" ");
}

function capsuleOf({ sizes }) {
  return `The capsule holds all that is needed, in ${bytes(sizes.capsule_bytes)} for the source’s ${bytes(sizes.source_bytes)}. No model is called.`;
}

function factRow({ text, kind, result }) {
  const row = document.createElement("tr");
  const fate = cell("mark", result);
  fate.dataset.result = result;
  const last = document.createElement("td");
  last.append(fate);
  row.append(cell("td", text), cell("td", kind.replace("_", " ")), last);
  return row;
}

function cell(name, text) {
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}

/** A long list costs nothing until somebody wants to see it. */
function fillWhenOpened(details, list, rows) {
  list.replaceChildren();
  details.open = false;
  details.ontoggle = () => {
    if (details.open && !list.hasChildNodes()) list.append(...rows());
  };
}
