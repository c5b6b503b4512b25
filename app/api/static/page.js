// The page's controls: compress, cancel, reconstruct, the API key.

import { call, storedKey, storeKey } from "./api.js";
import { EXAMPLE } from "./example.js";
import { bytes, seconds } from "./figures.js";
import { watchPassages } from "./passages.js";
import { showResult, summaryOf } from "./result.js";
import { watchStatus } from "./status.js";

const at = (id) => document.getElementById(id);

let running = null;
let compressed = null;

const refreshStatus = watchStatus(() => (at("key-form").hidden = false));

async function compress(event) {
  event.preventDefault();
  if (running) return;
  const source = at("text").value;
  if (!source.trim()) {
    say("", "There is no text yet: paste one.");
    at("text").focus();
    return;
  }
  const ended = begin();
  try {
    const answer = await call("compress", { body: requestFor(source), signal: running.signal });
    compressed = { source, capsule: answer.capsule };
    forgetReconstruction();
    showResult(source, answer);
    say(summaryOf(answer), "");
  } catch (error) {
    say(...outcomeOf(error));
  } finally {
    ended();
  }
  refreshStatus();
}

function requestFor(source) {
  const request = { text: source, method: at("method").value, explain: true };
  const [measure, value] = at("length").value.split("=");
  if (measure) request[measure] = Number(value);
  const question = at("question").value.trim();
  if (question) request.question = question;
  return request;
}

/** Mark the page as busy; returns a function that ends it. */
function begin() {
  running = new AbortController();
  compressed = null;
  at("result").hidden = true;
  say("Compressing …", "");
  setBusy(true);
  return () => {
    running = null;
    setBusy(false);
  };
}

function setBusy(isBusy) {
  // Not `disabled`: that would take the focus away from who has just pressed it.
  at("compress").setAttribute("aria-disabled", String(isBusy));
  if (!isBusy && document.activeElement === at("cancel")) at("compress").focus();
  at("cancel").hidden = !isBusy;
}

/** What to say of an error: [outcome, trouble]. */
function outcomeOf(error) {
  if (error.name === "AbortError") return ["Cancelled.", ""];
  if (error.status === 401) at("key-form").hidden = false;
  return ["", error.message];
}

function say(outcome, trouble) {
  at("outcome").textContent = outcome;
  at("error").textContent = trouble;
}

async function reconstruct() {
  const asked = compressed;
  forgetReconstruction();
  let found;
  try {
    const answer = await call("reconstruct", { body: { capsule: asked.capsule, mode: "exact" } });
    const isIdentical = answer.text === asked.source;
    const verdict = isIdentical ? identity(answer) : "Not identical to the source.";
    found = { isIdentical, verdict, text: answer.text, hash: await hashOf(answer.text) };
  } catch (error) {
    found = { isIdentical: false, verdict: outcomeOf(error).join("") };
  }
  // Another text may have been compressed meanwhile.
  if (asked === compressed) showReconstruction(found);
  refreshStatus();
}

function showReconstruction({ isIdentical, verdict, text = "", hash = "" }) {
  at("verdict").dataset.identical = String(isIdentical);
  at("verdict").textContent = verdict;
  at("hash").textContent = hash;
  at("reconstructed-text").textContent = text;
  at("reconstructed").hidden = !text;
}

function identity({ text, timing }) {
  const size = new TextEncoder().encode(text).length;
  return `Identical to the source, byte for byte: ${bytes(size)} in ${seconds(timing.total_ms / 1000)}.`;
}

/** Browsers hash only on pages that come from this machine or by HTTPS. */
async function hashOf(text) {
  if (!globalThis.crypto?.subtle) return "";
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `SHA-256 ${hex}`;
}

function forgetReconstruction() {
  at("verdict").textContent = "";
  at("hash").textContent = "";
  delete at("verdict").dataset.identical;
  at("reconstructed").hidden = true;
  at("reconstructed").open = false;
}

function useKey(event) {
  event.preventDefault();
  storeKey(at("key").value.trim());
  refreshStatus();
}

function onShortcut(event) {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    at("compress-form").requestSubmit();
  }
}

function useExample() {
  at("text").value = EXAMPLE;
  at("text").setSelectionRange(0, 0);
  at("text").focus();
}

watchPassages();
at("key").value = storedKey();
at("key-form").hidden = !storedKey();
at("key-form").addEventListener("submit", useKey);
at("compress-form").addEventListener("submit", compress);
at("compress-form").addEventListener("keydown", onShortcut);
at("cancel").addEventListener("click", () => running?.abort());
at("example").addEventListener("click", useExample);
at("reconstruct").addEventListener("click", reconstruct);
