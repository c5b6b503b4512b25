// The last hour: throughput, latency and tokens saved, minute by minute.

import { drawBars } from "./chart.js";
import { count, plural, seconds } from "./figures.js";
import { rowOf } from "./result.js";

const at = (id) => document.getElementById(id);

const done = ({ succeeded }) => succeeded.compress + succeeded.reconstruct;
const ago = ({ minutes_ago: minutes }) => (minutes ? `${plural(minutes, "minute", "minutes")} ago` : "this minute");

/** Draw the answer of `/status/history`. */
export function showHour({ minutes }) {
  const operations = sum(minutes, done);
  const failed = sum(minutes, (one) => one.failed);
  const saved = sum(minutes, (one) => one.tokens_saved);
  const failures = failed ? `, ${count(failed)} failed` : "";
  const all = (one) => done(one) + one.failed;
  const busiest = drawBars(
    at("throughput-chart"),
    minutes,
    [all, done],
    (one) => `${ago(one)}: ${plural(done(one), "operation", "operations")}${one.failed ? `, ${count(one.failed)} failed` : ""}`,
    `Operations in each minute of the last hour: ${count(operations)} in all${failures}.`,
  );
  const slowest = drawBars(
    at("latency-chart"),
    minutes,
    [(one) => one.latency_s?.p95 ?? 0, (one) => one.latency_s?.p50 ?? 0],
    (one) => `${ago(one)}: median ${seconds(one.latency_s.p50)}, 95 % within ${seconds(one.latency_s.p95)}`,
    latencySummary(minutes),
  );
  const most = drawBars(
    at("saved-chart"),
    minutes,
    [(one) => one.tokens_saved],
    (one) => `${ago(one)}: ${plural(one.tokens_saved, "token", "tokens")} saved`,
    `Tokens saved in each minute of the last hour: ${count(saved)} in all.`,
  );
  at("throughput-most").textContent = busiest ? `at most ${count(busiest)} / min${failures}` : "none in the last hour";
  at("latency-most").textContent = slowest ? `at most ${seconds(slowest)}` : "";
  at("saved-most").textContent = most ? `at most ${count(most)} / min` : "";
  at("hour").dataset.minutes = String(minutes.length);
  listMinutes(minutes);
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
