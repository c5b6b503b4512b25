// Bars over the minutes of the last hour, as inline SVG.

const SVG = "http://www.w3.org/2000/svg";
const MINUTES = 60;
const [SLOT, GAP, HEIGHT, LOWEST] = [6, 1.5, 60, 1.5];

/** Scales: the height, 0 to 1, of a value over 0 where the greatest one is `most`. */
export const linear = (value, most) => value / most;
/** Seconds, from 1 ms on: a slow minute does not flatten the others. */
export const logarithmic = (value, most) => (most > 0.001 ? Math.max(0, Math.log(value / 0.001) / Math.log(most / 0.001)) : 1);

/**
 * Draw into `svg` a bar for each minute. `minutes`: objects with `minutes_ago`; `layers`: functions from such an object
 * to the value of a bar, the later ones in front; `labelOf`: the text of a minute; `summary`: that of the whole chart.
 * Returns the greatest value, 0 where there is none.
 */
export function drawBars(svg, minutes, { layers, labelOf, summary, scale = linear }) {
  const most = Math.max(0, ...minutes.flatMap((minute) => layers.map((layer) => layer(minute))));
  svg.setAttribute("aria-label", summary);
  const slots = minutes
    .filter((minute) => layers.some((layer) => layer(minute)))
    .map((minute) => slotOf(minute.minutes_ago, layers.map((layer) => layer(minute)), (value) => scale(value, most), labelOf(minute)));
  svg.replaceChildren(node("line", { x1: 0, x2: MINUTES * SLOT, y1: HEIGHT, y2: HEIGHT, class: "base" }), ...slots);
  return most;
}

function slotOf(minutesAgo, values, share, label) {
  const x = (MINUTES - 1 - minutesAgo) * SLOT;
  const slot = node("g", {});
  const title = node("title", {});
  title.textContent = label;
  slot.append(title, node("rect", { x, y: 0, width: SLOT, height: HEIGHT, class: "slot" }));
  for (const [index, value] of values.entries()) {
    if (!value) continue;
    const height = Math.max(share(value) * HEIGHT, LOWEST);
    slot.append(node("rect", { x: x + GAP / 2, y: HEIGHT - height, width: SLOT - GAP, height, class: `column layer-${index}` }));
  }
  return slot;
}

function node(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
