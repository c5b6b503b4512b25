// The page's controls: compress, cancel, copy, download, restore, the API key.

import { call, storedKey, storeKey, stream } from "./api.js";
import { bytes, plural, seconds } from "./figures.js";
import { capsuleIn, copyText, FileError, saveAs, stemOf, textOf } from "./files.js";
import { watchLinks } from "./links.js";
import { asCurl, requestFor, watchOptions } from "./options.js";
import { clearResult, showPreview, showResult } from "./result.js";
import { setSource, showEditor, sourceName, sourceText, watchSource } from "./source.js";
import { watchStatus } from "./status.js";

const at = (id) => document.getElementById(id);

const COPIED_MS = 4000;

let running = null;
let compressed = null;
let waiting;
let copied;

const askForKey = () => (at("key-form").hidden = false);
const refreshStatus = watchStatus(askForKey);

async function compress(event) {
  event.preventDefault();
  if (running) return;
  const source = sourceText();
  if (!source.trim()) {
    say("", "There is no text yet: paste one, open a file or take an example.");
    showEditor();
    at("text").focus();
    return;
  }
  const ended = begin();
  try {
    const answer = await answerTo(source);
    compressed = { source, answer, name: stemOf(sourceName()) };
    showResult(source, answer);
  } catch (error) {
    clearResult();
    showEditor();
    say(...outcomeOf(error));
  }
  ended();
  refreshStatus();
}

/** The whole answer for `source`; until it is there, what comes before it is shown. */
async function answerTo(source) {
  const known = [];
  let answer = null;
  let frame = 0;
  try {
    // Read to its end, so that the browser can use the connection again.
    for await (const { event, data } of stream("compress", { body: requestFor(source), signal: running.signal })) {
      if (event === "result") answer = data;
      if (event !== "passage" && event !== "sentence") continue;
      known.push(data);
      at("outcome").textContent = "A preview from the text alone; the model is at work …";
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => showPreview(source, known));
    }
  } finally {
    cancelAnimationFrame(frame);
  }
  return answer;
}

/** Mark the page as busy; returns a function that ends it. */
function begin() {
  running = new AbortController();
  const started = performance.now();
  forgetResult();
  say("", "");
  at("outcome").textContent = "Compressing …";
  const tick = () => (at("elapsed").textContent = `${((performance.now() - started) / 1000).toFixed(1)} s`);
  tick();
  const timer = setInterval(tick, 100);
  setBusy(true);
  return () => {
    clearInterval(timer);
    running = null;
    setBusy(false);
  };
}

function setBusy(isBusy) {
  // Not `disabled`: that would take the focus away from who has just pressed it.
  at("compress").setAttribute("aria-disabled", String(isBusy));
  if (!isBusy && document.activeElement === at("cancel")) at("compress").focus();
  at("text").readOnly = isBusy;
  at("cancel").hidden = !isBusy;
  at("elapsed").hidden = !isBusy;
  at("compressed").setAttribute("aria-busy", String(isBusy));
}

function forgetResult() {
  compressed = null;
  clearResult();
  at("verdict").textContent = "";
  delete at("verdict").dataset.identical;
}

/** What to say of an error: [outcome, trouble, seconds to wait]. */
function outcomeOf(error) {
  if (error.name === "AbortError") return ["Cancelled.", ""];
  if (error.status === 401) askForKey();
  return ["", error.message, error.retryAfterS];
}

function say(outcome, trouble, waitS = null) {
  clearInterval(waiting);
  at("outcome").textContent = outcome;
  at("error").textContent = waitS ? `${trouble} Try again in ${plural(Math.ceil(waitS), "second", "seconds")}.` : trouble;
  at("wait").textContent = "";
  if (waitS) countDown(Date.now() + 1000 * waitS);
}

/** Seen only: the alert has the time for those who hear it. */
function countDown(until) {
  const show = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    at("wait").textContent = left > 0 ? `${left} s left.` : "You can try again now.";
    if (left <= 0) clearInterval(waiting);
  };
  show();
  waiting = setInterval(show, 1000);
}

async function takeFile(file) {
  try {
    const text = await textOf(file);
    const capsule = capsuleIn(text);
    onChange();
    if (capsule) await restore(capsule, file.name);
    else setSource(text, file.name);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    say("", error.message);
  }
}

/** Put the source that `capsule` holds in the text field. */
async function restore(capsule, name) {
  try {
    const { text, verified, mode } = await call("reconstruct", { body: { capsule } });
    const stem = stemOf(stemOf(name));
    setSource(text, mode === "exact" ? `${stem}, from its capsule` : `${stem}, rewritten by the model`);
    const size = bytes(new TextEncoder().encode(text).length);
    say(verified ? `The source is back, byte for byte: ${size}, SHA-256 as in the capsule.` : `The model wrote this out of the summary in the capsule: ${size}.`, "");
  } catch (error) {
    say(...outcomeOf(error));
  }
  refreshStatus();
}

async function reconstruct() {
  const asked = compressed;
  let [verdict, isIdentical] = ["", false];
  try {
    const { text, timing } = await call("reconstruct", { body: { capsule: asked.answer.capsule, mode: "exact" } });
    isIdentical = text === asked.source;
    const size = bytes(new TextEncoder().encode(text).length);
    verdict = isIdentical ? `Identical to the source, byte for byte: ${size} in ${seconds(timing.total_ms / 1000)}.` : "Not identical to the source.";
  } catch (error) {
    verdict = error.message;
  }
  // Another text may have been compressed meanwhile.
  if (asked !== compressed) return;
  at("verdict").dataset.identical = String(isIdentical);
  at("verdict").textContent = verdict;
  refreshStatus();
}

async function copy(text) {
  clearTimeout(copied);
  at("copied").textContent = (await copyText(text)) ? "Copied." : "The browser does not allow copying.";
  copied = setTimeout(() => (at("copied").textContent = ""), COPIED_MS);
}

function useKey(event) {
  event.preventDefault();
  storeKey(at("key").value.trim());
  say("", "");
  refreshStatus();
}

function onShortcut(event) {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    at("compress-form").requestSubmit();
  }
}

/** A text that is no longer there has no result. */
function onChange() {
  running?.abort();
  forgetResult();
  say("", "");
}

watchOptions();
watchSource({ onFile: takeFile, onChange });
watchLinks();
at("key").value = storedKey();
at("key-form").hidden = !storedKey();
at("key-form").addEventListener("submit", useKey);
at("compress-form").addEventListener("submit", compress);
at("compress-form").addEventListener("keydown", onShortcut);
at("cancel").addEventListener("click", () => running?.abort());
at("copy").addEventListener("click", () => copy(compressed.answer.compressed));
at("copy-curl").addEventListener("click", () => copy(asCurl(requestFor(sourceText()))));
at("save").addEventListener("click", () => saveAs(`${compressed.name}.short.txt`, "text/plain", compressed.answer.compressed));
at("save-capsule").addEventListener("click", () => saveAs(`${compressed.name}.capsule.json`, "application/json", JSON.stringify(compressed.answer.capsule)));
at("reconstruct").addEventListener("click", reconstruct);
