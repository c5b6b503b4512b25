// The last hour: throughput, latency and tokens saved, minute by minute.

import { drawBars, logarithmic } from "./chart.js";
import { count, plural, seconds } from "./figures.js";
import { rowOf } from "./result.js";

const at = (id) => document.getElementById(id);

const done = ({ succeeded }) => succeeded.compress + succeeded.reconstruct;
const ago = ({ minutes_ago: minutes }) => (minutes ? `${plural(minutes, "minute", "minutes")} ago` : "this minute");

/** Draw the answer of `/status/history`. */
export function showHour({ minutes }) {
  showThroughput(minutes);
  showLatency(minutes);
  showSaved(minutes);
  listMinutes(minutes);
}

function showThroughput(minutes) {
  const failed = sum(minutes, (one) => one.failed);
  const failures = (number) => (number ? `, ${count(number)} failed` : "");
  const most = drawBars(at("throughput-chart"), minutes, {
    layers: [(one) => done(one) + one.failed, done],
    labelOf: (one) => `${ago(one)}: ${plural(done(one), "operation", "operations")}${failures(one.failed)}`,
    summary: `Operations in each minute of the last hour: ${count(sum(minutes, done))} in all${failures(failed)}.`,
  });
  at("throughput-most").textContent = most ? `at most ${count(most)} / min${failures(failed)}` : "";
}

function showLatency(minutes) {
  const most = drawBars(at("latency-chart"), minutes, {
    layers: [(one) => one.latency_s?.p95 ?? 0, (one) => one.latency_s?.p50 ?? 0],
    labelOf: (one) => `${ago(one)}: median ${seconds(one.latency_s.p50)}, 95 % within ${seconds(one.latency_s.p95)}`,
    summary: latencySummary(minutes),
    scale: logarithmic,
  });
  at("latency-most").textContent = most ? `at most ${seconds(most)}, log scale` : "";
}

function showSaved(minutes) {
  const saved = (one) => one.tokens_saved;
  const most = drawBars(at("saved-chart"), minutes, {
    layers: [saved],
    labelOf: (one) => `${ago(one)}: ${plural(saved(one), "token", "tokens")} saved`,
    summary: `Tokens saved in each minute of the last hour: ${count(sum(minutes, saved))} in all.`,
  });
  at("saved-most").textContent = most ? `at most ${count(most)} / min` : "";
}

function latencySummary(minutes) {
  const medians = minutes.flatMap((one) => one.latency_s?.p50 ?? []);
  if (!medians.length) return "Latency of compressions in each minute of the last hour: none.";
  return `Latency of compressions in each minute of the last hour: medians from ${seconds(Math.min(...medians))} to ${seconds(Math.max(...medians))}.`;
}

function sum(minutes, value) {
  return minutes.reduce((total, minute) => total + value(minute), 0);
}

/** The same as a table, filled only while it is open. */
function listMinutes(minutes) {
  const details = at("minutes");
  const fill = () => {
    const busy = minutes.filter((one) => done(one) || one.failed).toReversed();
    at("minutes-rows").replaceChildren(...(details.open ? busy : []).map(rowFor));
  };
  details.ontoggle = fill;
  fill();
}

function rowFor(one) {
  const { succeeded, failed, latency_s: latency, tokens_saved: saved, engine_s: engine } = one;
  const times = latency ? [seconds(latency.p50), seconds(latency.p95)] : ["–", "–"];
  return rowOf([ago(one), count(succeeded.compress), count(succeeded.reconstruct), count(failed), ...times, count(saved), seconds(engine)]);
}
