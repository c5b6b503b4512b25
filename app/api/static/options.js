// What is asked for beside the text.

import { call } from "./api.js";

const at = (id) => document.getElementById(id);

/** The request body for `source` with the options as they are chosen. */
export function requestFor(source) {
  const request = { text: source, method: at("method").value, explain: true };
  if (!at("auto").checked) request.target_ratio = Number(at("size").value) / 100;
  else if (at("coverage").value) request.coverage = Number(at("coverage").value);
  const question = at("question").value.trim();
  if (question) request.question = question;
  const mustKeep = at("must-keep").value.split("\n").map((line) => line.trim()).filter(Boolean);
  if (mustKeep.length) request.must_keep = mustKeep;
  if (at("model").value) request.model = at("model").value;
  return request;
}

/** The same request as a command for a shell, to this service. */
export function asCurl(request) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const { explain, ...body } = request;
  const url = new URL("compress", document.baseURI);
  return `curl ${url} -H 'Content-Type: application/json' \\\n  -d ${quoted(JSON.stringify(body))}`;
}

/** Keep slider, its output and the choice of the worth to keep in step. */
export function watchOptions() {
  at("size").addEventListener("input", () => {
    at("auto").checked = false;
    showLength();
  });
  at("auto").addEventListener("change", showLength);
  at("options").addEventListener("toggle", () => at("options").open && loadModels());
  showLength();
}

function showLength() {
  const isAuto = at("auto").checked;
  const text = isAuto ? "keeps what matters" : `${at("size").value} % of the tokens`;
  at("size-shown").textContent = text;
  at("size").setAttribute("aria-valuetext", text);
  at("size").toggleAttribute("data-unused", isAuto);
  at("coverage").disabled = !isAuto;
}

/** List the engine's models; without them the service's own is the only choice. */
async function loadModels() {
  const chosen = at("model").value;
  let models = [];
  try {
    ({ models } = await call("models"));
  } catch {
    return; // the status says what is wrong
  }
  const entries = models.map((one) => new Option(label(one), one.default ? "" : one.name, false));
  at("model").replaceChildren(...entries);
  at("model").value = models.some(({ name }) => name === chosen) ? chosen : "";
}

function label({ name, default: isDefault, loaded }) {
  const notes = [isDefault && "default", !loaded && "not loaded"].filter(Boolean).join(", ");
  return notes ? `${name} (${notes})` : name;
}
