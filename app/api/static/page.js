// The page's controls: compress, cancel, reconstruct, the API key.

import { call, storedKey, storeKey } from "./api.js";
import { EXAMPLE } from "./example.js";
import { bytes, seconds } from "./figures.js";
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
    say(`Done. ${summaryOf(answer)}`, "");
  } catch (error) {
    say(...outcomeOf(error));
  } finally {
    ended();
  }
  refreshStatus();
}

function requestFor(source) {
  const request = { text: source, explain: true };
  if (at("length").value) request.target_ratio = Number(at("length").value);
  return request;
}

/** Mark the page as busy; returns a function that ends it. */
function begin() {
  running = new AbortController();
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
  at("result").setAttribute("aria-busy", String(isBusy));
}

/** What to say of an error: [progress, trouble]. */
function outcomeOf(error) {
  if (error.name === "AbortError") return ["Cancelled.", ""];
  if (error.status === 401) at("key-form").hidden = false;
  return ["", error.message];
}

function say(progress, trouble) {
  at("progress").textContent = progress;
  at("error").textContent = trouble;
}

async function reconstruct() {
  const { source, capsule } = compressed;
  const verdict = at("verdict");
  forgetReconstruction();
  try {
    const answer = await call("reconstruct", { body: { capsule, mode: "exact" } });
    const isIdentical = answer.text === source;
    verdict.dataset.identical = String(isIdentical);
    verdict.textContent = isIdentical ? await identity(answer) : "Not identical to the source.";
    at("reconstructed-text").textContent = answer.text;
    at("reconstructed").hidden = false;
  } catch (error) {
    verdict.dataset.identical = "false";
    verdict.textContent = outcomeOf(error).join("");
  }
  refreshStatus();
}

async function identity({ text, timing }) {
  const encoded = new TextEncoder().encode(text);
  const took = seconds(timing.total_ms / 1000);
  return `Identical to the source, byte for byte: ${bytes(encoded.length)} in ${took}.${await hashOf(encoded)}`;
}

/** Browsers hash only on pages that come from this machine or by HTTPS. */
async function hashOf(encoded) {
  if (!globalThis.crypto?.subtle) return "";
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", encoded));
  return ` SHA-256 ${Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

function forgetReconstruction() {
  at("verdict").textContent = "";
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
  at("text").focus();
}

at("key").value = storedKey();
at("key-form").hidden = !storedKey();
at("key-form").addEventListener("submit", useKey);
at("compress-form").addEventListener("submit", compress);
at("compress-form").addEventListener("keydown", onShortcut);
at("cancel").addEventListener("click", () => running?.abort());
at("example").addEventListener("click", useExample);
at("reconstruct").addEventListener("click", reconstruct);
