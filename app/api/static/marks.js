// Marks in the source: a run of text for each stretch that belongs to the same fact.

const GRAVITY = { kept: 0, restored: 1, missing: 2 };

/** `text` as nodes, with a <mark> wherever the ledger has a fact. */
export function markedText(text, ledger) {
  const fragment = document.createDocumentFragment();
  for (const run of runs(text, ledger)) {
    fragment.append(run.fact === null ? run.text : mark(run.text, run.fact, ledger[run.fact]));
  }
  return fragment;
}

function mark(text, index, row) {
  const element = document.createElement("mark");
  element.textContent = text;
  element.dataset.result = row.result;
  element.dataset.fact = index;
  element.title = `${row.kind}, ${row.result}`;
  return element;
}

/** The text cut where facts begin and end, each run with the index of its fact in the ledger, or null. */
export function runs(text, ledger) {
  const unitAt = utf16Offsets(text);
  const places = ledger.flatMap((row, fact) =>
    row.places.map(([start, end]) => ({ start: unitAt[start], end: unitAt[end], fact, gravity: GRAVITY[row.result] })),
  );
  places.sort((one, other) => one.start - other.start);
  const borders = new Set([0, text.length, ...places.flatMap(({ start, end }) => [start, end])]);
  const found = [];
  let open = [];
  let next = 0;
  let reached = 0;
  for (const border of [...borders].sort((one, other) => one - other)) {
    if (border > reached) found.push({ text: text.slice(reached, border), fact: innermost(open)?.fact ?? null });
    reached = border;
    open = open.filter(({ end }) => end > border);
    for (; next < places.length && places[next].start === border; next += 1) open.push(places[next]);
  }
  return found;
}

/** Of places that overlap the shortest, which says most of its words; of equal ones that which fared worst. */
function innermost(places) {
  const length = ({ start, end }) => end - start;
  return places.reduce(
    (best, place) =>
      best && (length(best) - length(place) || place.gravity - best.gravity) <= 0 ? best : place,
    null,
  );
}

/** The API counts code points, strings here are UTF-16: the place in the string of each code point, and of its end. */
export function utf16Offsets(text) {
  const offsets = [];
  for (let unit = 0; unit < text.length; unit += text.codePointAt(unit) > 0xffff ? 2 : 1) offsets.push(unit);
  offsets.push(text.length);
  return offsets;
}
