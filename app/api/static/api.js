// Calls of the service, with the API key of this tab where there is one.

const KEY_SLOT = "condenser-api-key";

/** An answer that is not a result, or no answer. `status` is the HTTP status, 0 where nothing answered. */
export class CallError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
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
  const response = await answerOf(path, {
    method: body === undefined ? "GET" : "POST",
    headers: headersFor(body),
    body: body === undefined ? undefined : JSON.stringify(body),
    cache: "no-store",
    signal,
  });
  const content = await contentOf(response);
  if (response.ok && content !== null) return content;
  throw new CallError(explained(response, content), response.status);
}

async function answerOf(path, request) {
  try {
    return await fetch(path, request);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new CallError("The service does not answer.", 0);
  }
}

function headersFor(body) {
  const headers = new Headers({ Accept: "application/json" });
  if (body !== undefined) headers.set("Content-Type", "application/json");
  // A header can't carry anything else; without it the answer is 401, which is what a wrong key gets.
  if (/^[\x21-\x7e]+$/.test(storedKey())) headers.set("Authorization", `Bearer ${storedKey()}`);
  return headers;
}

async function contentOf(response) {
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return null;
  }
}

function explained(response, problem) {
  if (response.status === 401) {
    return storedKey() ? "The service does not accept this API key." : "The service wants an API key.";
  }
  if (problem?.title) return `${problem.title}: ${problem.detail}`;
  return `What answers here is not Condenser, or it failed (HTTP ${response.status}).`;
}
