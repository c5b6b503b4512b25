// What a compression came to.

import { bytes, count, dollars, percent, plural, seconds } from "./figures.js";
import { setPassages } from "./links.js";
import { previewOf, resultNodes, sourceNodes } from "./marks.js";
import { showMarked } from "./source.js";

const METHODS = {
  verbatim: "This is the text itself: it would not get shorter.",
  extractive: "Made of whole sentences of the source.",
  abstractive: "Made of sentences by the model that passed the check, and of whole sentences of the source.",
};

const REASONS = {
  not_a_sentence: "It is no whole sentence, or a mere courtesy.",
  echo: "It repeats the prompt.",
  repeated: "It says again what an earlier sentence says.",
  about_the_text: "It is about the text, not about what the text says.",
  reference: "It goes on from a sentence that was dropped.",
  figure: "It has a figure, date or identifier that the source does not state there.",
  name: "It has a name that is not in the source.",
  polarity: "It denies what the source does not deny, or the other way round.",
  direction: "It says that something went up where the source says down, or the other way round.",
  added: "It is a sentence of the source with words put in.",
  support: "Too little of it is in the source.",
  outweighed: "It stands, but the source says it better.",
  engine: "The model, asked whether the source states it, does not say yes clearly enough.",
};

const at = (id) => document.getElementById(id);

/** Show `answer`, which `/compress` gave for `source`. */
export function showResult(source, answer) {
  const { fidelity } = answer;
  const { facts, dropped } = fidelity.explain ?? { facts: [], dropped: [] };
  showTexts(source, answer.compressed, fidelity);
  at("outcome").textContent = summaryOf(answer);
  at("about-heading").textContent = headingOf(fidelity);
  at("making").textContent = makingOf(answer);
  showList("facts", `Facts of the source (${count(fidelity.facts)})`, facts, ({ text, kind, kept }) => [text, kind, kept ? "kept" : "missing"]);
  showList("dropped", `Sentences of the model that were dropped (${count(dropped.length)})`, dropped, ({ text, reason }) => [text, REASONS[reason] ?? reason]);
  at("capsule-note").textContent = capsuleOf(answer);
  at("about").hidden = false;
  at("actions").hidden = false;
  at("legend").hidden = false;
}

/** Show what is known before the answer is complete: the data of the stream's events so far. */
export function showPreview(source, known) {
  const { compressed, passages } = previewOf(source, known);
  showTexts(source, compressed, { passages });
}

/** Take the result away. */
export function clearResult() {
  at("compressed").replaceChildren();
  setPassages([]);
  for (const id of ["about", "actions", "legend"]) at(id).hidden = true;
  at("outcome").textContent = "";
}

function showTexts(source, compressed, fidelity) {
  showMarked(sourceNodes(source, fidelity));
  at("compressed").replaceChildren(...resultNodes(compressed, fidelity.passages));
  setPassages(fidelity.passages);
}

/** The same figures as in the answer, as a sentence. */
function summaryOf({ fidelity, sizes, timing, usage }) {
  const { facts, kept, missing_count: missing } = fidelity;
  const tokens = `${count(sizes.source_tokens)} tokens became ${count(sizes.compressed_tokens)} (${percent(sizes.token_ratio)})`;
  const time = `${usage.cached ? "from the cache, " : ""}in ${seconds(timing.total_ms / 1000)}`;
  return `${tokens} ${time}. ${plural(facts, "fact", "facts")}: ${count(kept)} kept, ${count(missing)} missing.`;
}

function headingOf({ facts, summary: { written, taken } }) {
  const sentences = written ? `, ${plural(written, "sentence", "sentences")} by the model (${count(taken)} in the result)` : "";
  return `About this result: ${plural(facts, "fact", "facts")}${sentences}, the way back`;
}

function makingOf({ method, fidelity, cost, usage }) {
  const sentences = [METHODS[method]];
  const { written, stood, taken } = fidelity.summary;
  if (written) {
    sentences.push(`${usage.model} wrote ${plural(written, "sentence", "sentences")}: ${count(stood)} passed the check, ${count(taken)} ${taken === 1 ? "is" : "are"} in the result.`);
  } else if (!usage.calls && !usage.cached) {
    sentences.push("The model was not asked.");
  }
  if (cost.cloud_usd) sentences.push(`${dollars(cost.cloud_usd)} in a cloud, ${dollars(cost.local_usd)} here.`);
  if (cost.reader_usd_saved) sentences.push(`Whoever reads the result is spared ${plural(cost.reader_tokens_saved, "token", "tokens")}, ${dollars(cost.reader_usd_saved)}.`);
  return sentences.join(" ");
}

function capsuleOf({ sizes }) {
  return `The capsule gives the source back without the model. It takes ${bytes(sizes.capsule_bytes)}, the source ${bytes(sizes.source_bytes)}.`;
}

/** A table behind a heading. A long one costs nothing until somebody wants to see it; an empty one is not shown. */
function showList(name, heading, items, cellsOf) {
  const [details, rows] = [at(name), at(`${name}-rows`)];
  at(`${name}-heading`).textContent = heading;
  rows.replaceChildren();
  details.open = false;
  details.hidden = items.length === 0;
  details.ontoggle = () => {
    if (details.open && !rows.hasChildNodes()) rows.append(...items.map((item) => rowOf(cellsOf(item))));
  };
}

/** A table row of `texts`. */
export function rowOf(texts) {
  const row = document.createElement("tr");
  row.append(...texts.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
  return row;
}
