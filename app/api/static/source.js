// The source: typed, pasted, from a file or an example; its text as it is sent, and its view with marks.

import { EXAMPLES } from "./examples.js";

const at = (id) => document.getElementById(id);

// A text field makes every line end a line feed: a text that was not typed here is kept as it came.
let kept = null;
let name = "";

/** The text as it is to be sent. */
export function sourceText() {
  return kept ?? at("text").value;
}

/** The name of the file that the text came from; empty where it came from none. */
export function sourceName() {
  return name;
}

/** Take `text` in place of what is there. */
export function setSource(text, from = "") {
  showEditor();
  at("text").value = text;
  kept = text;
  name = from;
  at("source-name").textContent = from;
  at("text").setSelectionRange(0, 0);
  at("text").scrollTop = 0;
}

/** Show the source with marks in place of the text field. */
export function showMarked(nodes) {
  at("source").replaceChildren(...nodes);
  setView(true);
}

/** Show the text field again. */
export function showEditor() {
  setView(false);
}

function setView(isMarked) {
  at("source").hidden = !isMarked;
  at("text").hidden = isMarked;
  at("edit").hidden = !isMarked;
  at("strike-choice").hidden = !isMarked;
  for (const id of ["open-file", "example"]) at(id).hidden = isMarked;
}

/** `onFile` gets files that are chosen or dropped, `onChange` is called when the text is another one. */
export function watchSource({ onFile, onChange }) {
  at("text").addEventListener("input", () => {
    kept = null;
    onChange();
  });
  at("edit").addEventListener("click", () => {
    showEditor();
    at("text").focus();
  });
  at("strike").addEventListener("change", () => at("source").toggleAttribute("data-plain", !at("strike").checked));
  at("open-file").addEventListener("click", () => at("file").click());
  at("file").addEventListener("change", () => {
    if (at("file").files.length) onFile(at("file").files[0]);
    at("file").value = "";
  });
  watchExamples(onChange);
  watchDrops(onFile);
}

function watchExamples(onChange) {
  at("example").append(...EXAMPLES.map(({ title }, index) => new Option(title, index)));
  at("example").addEventListener("change", () => {
    const { text, question = "" } = EXAMPLES[at("example").value];
    at("example").value = "";
    setSource(text);
    at("question").value = question;
    onChange();
    at("text").focus();
  });
}

function watchDrops(onFile) {
  const hasFile = ({ dataTransfer }) => dataTransfer?.types.includes("Files");
  const mark = (isOver) => at("compress-form").toggleAttribute("data-dropping", isOver);
  document.addEventListener("dragover", (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    mark(true);
  });
  document.addEventListener("dragleave", ({ relatedTarget }) => relatedTarget ?? mark(false));
  document.addEventListener("drop", (event) => {
    mark(false);
    if (!hasFile(event)) return;
    event.preventDefault();
    if (event.dataTransfer.files.length) onFile(event.dataTransfer.files[0]);
  });
}
