// Calls of the service, with the API key of this tab where there is one.

import { eventsOf } from "./events.js";

const KEY_SLOT = "condenser-api-key";

/**
 * An answer that is not a result, or no answer. `status`: the HTTP status, 0 where nothing answered; `retryAfterS`: the
 * seconds after which the service wants to be asked again, null where it does not say.
 */
export class CallError extends Error {
  constructor(message, status, retryAfterS = null) {
    super(message);
    this.status = status;
    this.retryAfterS = retryAfterS;
  }
}

export function storedKey() {
  return sessionStorage.getItem(KEY_SLOT) ?? "";
}

/** Keep `key` until the tab is closed; an empty one forgets it. */
export function storeKey(key) {
  if (key) sessionStorage.setItem(KEY_SLOT, key);
  else sessionStorage.removeItem(KEY_SLOT);
}

/** The JSON answer of GET `path`, or of POST where there is a `body`. Throws CallError; AbortError where cancelled. */
export async function call(path, { body, signal } = {}) {
  const response = await answerOf(path, "application/json", body, signal);
  return contentOf(response);
}

/**
 * The events of POST `path`, as {event, data}: those of a stream as they come, or the JSON answer as one `result`.
 * Throws CallError, also for a `problem` in the stream and for a stream that ends before its result.
 */
export async function* stream(path, { body, signal }) {
  const response = await answerOf(path, "text/event-stream, application/json;q=0.5", body, signal);
  if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) {
    yield { event: "result", data: await contentOf(response) };
    return;
  }
  let isWhole = false;
  try {
    for await (const { event, data } of eventsOf(response.body)) {
      const content = JSON.parse(data);
      if (event === "problem") throw new CallError(explained(content.status, content), content.status);
      if (event === "result") isWhole = true;
      yield { event, data: content };
    }
  } catch (error) {
    if (error.name === "AbortError" || error instanceof CallError) throw error;
  }
  if (!isWhole) throw new CallError("The answer broke off before it was complete.", 0);
}

async function answerOf(path, accept, body, signal) {
  let response;
  try {
    response = await fetch(path, {
      method: body === undefined ? "GET" : "POST",
      headers: headersFor(accept, body),
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new CallError(navigator.onLine ? "The service does not answer." : "This device is offline.", 0);
  }
  if (response.ok) return response;
  const problem = await jsonOf(response);
  throw new CallError(explained(response.status, problem), response.status, retryAfterOf(response));
}

function headersFor(accept, body) {
  const headers = new Headers({ Accept: accept });
  if (body !== undefined) headers.set("Content-Type", "application/json");
  // A header can't carry anything else; without it the answer is 401, which is what a wrong key gets.
  if (/^[\x21-\x7e]+$/.test(storedKey())) headers.set("Authorization", `Bearer ${storedKey()}`);
  return headers;
}

async function contentOf(response) {
  const content = await jsonOf(response);
  if (content === null) throw new CallError(explained(response.status, null), response.status);
  return content;
}

async function jsonOf(response) {
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return null;
  }
}

function explained(status, problem) {
  if (status === 401) {
    return storedKey() ? "The service does not accept this API key." : "This service needs an API key.";
  }
  if (!problem?.title) return `What answers here is not Condenser, or it failed (HTTP ${status}).`;
  const where = status >= 500 && problem.request_id ? ` (request ${problem.request_id})` : "";
  return `${problem.title}: ${problem.detail}${where}`;
}

function retryAfterOf(response) {
  const seconds = Number(response.headers.get("Retry-After"));
  return seconds > 0 ? seconds : null;
}
