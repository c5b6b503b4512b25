// The API counts code points; strings here are UTF-16, where a character beyond U+FFFF takes two places.

/** The place in `text` of each of its code points, and of its end. */
export function utf16Offsets(text) {
  const offsets = [];
  for (let unit = 0; unit < text.length; unit += text.codePointAt(unit) > 0xffff ? 2 : 1) offsets.push(unit);
  offsets.push(text.length);
  return offsets;
}

/** How many code points `text` has. */
export function codePoints(text) {
  return utf16Offsets(text).length - 1;
}

/**
 * `text` cut wherever a range begins or ends. `ranges`: {start, end, key}, in code points. A run has its `text`, its
 * `start` and `end`, and the `keys` of the ranges that it lies in, in their order.
 */
export function runs(text, ranges) {
  const offsets = utf16Offsets(text);
  const borders = new Map([0, offsets.length - 1].map((at) => [at, []]));
  for (const range of ranges) {
    if (range.start >= range.end) continue;
    for (const at of [range.start, range.end]) {
      if (!borders.has(at)) borders.set(at, []);
      borders.get(at).push(range);
    }
  }
  const places = [...borders.keys()].sort((one, other) => one - other);
  const open = new Set();
  const found = [];
  for (const [at, start] of places.slice(0, -1).entries()) {
    for (const range of borders.get(start)) {
      if (range.start === start) open.add(range);
      else open.delete(range);
    }
    const end = places[at + 1];
    found.push({ start, end, text: text.slice(offsets[start], offsets[end]), keys: [...open].map(({ key }) => key) });
  }
  return found;
}
