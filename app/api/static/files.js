// Files in and out, and the clipboard.

const MOST_BYTES = 64 * 1024 * 1024;

/** A file that can't be used; the message says why. */
export class FileError extends Error {}

/** The text of a file in UTF-8, or in UTF-16 with a byte order mark. Throws FileError. */
export async function textOf(file) {
  if (file.size > MOST_BYTES) throw new FileError(`${file.name} is too large for this page; send it to the API.`);
  const bytes = new Uint8Array(await file.arrayBuffer());
  const mark = bytes[0] * 256 + bytes[1];
  const encoding = mark === 0xfffe ? "utf-16le" : mark === 0xfeff ? "utf-16be" : "utf-8";
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    throw new FileError(`${file.name} is not a text file in UTF-8. Take the text out of it first.`);
  }
}

/** The capsule that `text` is, or an answer of the API's has; null where there is none. */
export function capsuleIn(text) {
  if (!/^\s*\{/.test(text) || !text.includes('"payload"')) return null;
  try {
    const content = JSON.parse(text);
    const capsule = content.capsule ?? content;
    return typeof capsule.payload === "string" && Number.isInteger(capsule.version) ? capsule : null;
  } catch {
    return null;
  }
}

/** Have the browser save `text` as a file. */
export function saveAs(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** Put `text` on the clipboard; whether that was allowed. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text); // pages that come neither from this machine nor by HTTPS have no other way
  }
}

function copyBySelection(text) {
  const box = Object.assign(document.createElement("textarea"), { value: text, className: "unseen" });
  const focused = document.activeElement;
  document.body.append(box);
  box.select();
  const isDone = document.execCommand("copy");
  box.remove();
  focused?.focus();
  return isDone;
}

/** A file's name without its last ending; "text" for a text without a file. */
export function stemOf(name) {
  return name.replace(/(?<=.)\.[^.]*$/, "") || "text";
}
