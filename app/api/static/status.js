// The service's state and figures: asked for every few seconds while the page can be seen, never shown once they are old.

import { call } from "./api.js";
import { clockTime, count, dollars, duration, percent, plural, seconds } from "./figures.js";
import { showHour } from "./hour.js";

const INTERVAL_MS = 5000;
const PATIENCE_MS = 10000;
const FIGURES = ["throughput", "latency", "saved"];

const at = (id) => document.getElementById(id);

/** Show the status from now on. `onUnauthorized` is called where a key is needed. Returns a function that refreshes. */
export function watchStatus(onUnauthorized) {
  let timer;
  let lastAnswer = null;
  const opened = new Date();

  async function refresh() {
    clearTimeout(timer);
    if (document.hidden) return;
    try {
      const signal = AbortSignal.timeout(PATIENCE_MS);
      const [status, history] = await Promise.all([call("status", { signal }), call("status/history", { signal })]);
      show(status, history);
      lastAnswer = new Date();
    } catch (error) {
      if (error.status === 401) onUnauthorized();
      if (error.status) lastAnswer = new Date();
      clear(error.status ? error.message : silence(lastAnswer, opened));
    }
    clearTimeout(timer);
    timer = setTimeout(refresh, INTERVAL_MS);
  }

  document.addEventListener("visibilitychange", refresh);
  for (const event of ["online", "offline"]) window.addEventListener(event, refresh);
  refresh();
  return refresh;
}

function silence(lastAnswer, opened) {
  if (!navigator.onLine) return "This device is offline.";
  const since = lastAnswer ? clockTime(lastAnswer) : `${clockTime(opened)}, when this page was opened`;
  return `The service has not answered since ${since}.`;
}

function show(status, history) {
  const { engine, model, operations, queue } = status;
  setState(engine.problem ? "trouble" : "ready", stateSentence(engine, model));
  const warnings = [engine.warning, model.warning].filter(Boolean).map((text) => `${text[0].toUpperCase()}${text.slice(1)}.`);
  setTrouble(engine.problem ? `The engine can’t serve ${model.name}: ${engine.problem}` : warnings.join(" "));
  at("queue").textContent = `Now: ${count(queue.in_flight)} of ${count(queue.concurrency_limit)} calls in the engine, ${count(queue.depth)} waiting`;
  const { compress, reconstruct } = operations;
  setFigure("throughput", `${count(compress.per_minute)} / min`, `compressions, ${plural(reconstruct.per_minute, "reconstruction", "reconstructions")}`);
  setFigure("latency", ...latency(compress.latency_s));
  setFigure("saved", count(history.tokens_saved), savings(status, history));
  showHour(history);
  at("as-of").textContent = `Condenser ${status.version}, as of ${clockTime(new Date())}`;
}

function stateSentence(engine, model) {
  const name = engineName(engine);
  return `${engine.problem ? "Not ready" : "Ready"}: ${model.name}, run by ${name}${hardware(model)}`;
}

function engineName({ name, version, upstreams }) {
  if (name === "embedded") return "the embedded engine";
  if (name === "openai") return version ?? "a server with the OpenAI API";
  const able = upstreams.filter((one) => one.problem === null).length;
  return upstreams.length > 1 ? `${count(able)} of ${count(upstreams.length)} Ollamas` : `Ollama ${version ?? ""}`.trim();
}

function hardware({ loaded, gpu_ratio: ratio }) {
  if (!loaded) return ", not loaded";
  if (ratio === null) return "";
  if (ratio >= 1) return " on the GPU";
  return ratio > 0 ? `, ${percent(ratio)} of it on the GPU and the rest on the CPU` : " on the CPU";
}

function latency(quantiles) {
  if (!quantiles) return ["–", "nothing compressed in the last minute"];
  return [seconds(quantiles.p50), `median, 95 % within ${seconds(quantiles.p95)}`];
}

function savings({ savings: { ratio, reader_since_start: reader } }, { uptime_s: uptime }) {
  const since = uptime < 60 ? "tokens since the start" : `tokens in ${duration(uptime)}`;
  const worth = reader.usd ? `, worth ${dollars(reader.usd)}` : "";
  return ratio ? `${since}${worth}; the model’s work cost ${percent(ratio)} less than in a cloud in the last minute` : `${since}${worth}`;
}

function clear(trouble) {
  setState("trouble", "Status unknown");
  setTrouble(trouble);
  for (const name of FIGURES) setFigure(name, "–", "");
  for (const id of ["queue", "as-of"]) at(id).textContent = "";
}

function setState(state, sentence) {
  at("state").dataset.state = state;
  at("state").textContent = sentence;
}

/** Written only where it changes, so that a screen reader says it once. */
function setTrouble(sentence) {
  if (at("trouble").textContent !== sentence) at("trouble").textContent = sentence;
}

function setFigure(name, value, note) {
  at(name).textContent = value;
  at(`${name}-note`).textContent = note;
}
