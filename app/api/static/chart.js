// Bars over the minutes of the last hour, as inline SVG.

const SVG = "http://www.w3.org/2000/svg";
const MINUTES = 60;
const [SLOT, GAP, HEIGHT] = [6, 1.5, 60];

/**
 * Draw into `svg` a bar for each minute. `minutes`: objects with `minutes_ago`; `layers`: functions from such an object
 * to the height of a bar, the later ones in front; `labelOf`: the text of a minute; `summary`: that of the whole chart.
 * Returns the greatest height, 0 where there is no bar.
 */
export function drawBars(svg, minutes, layers, labelOf, summary) {
  const most = Math.max(0, ...minutes.flatMap((minute) => layers.map((layer) => layer(minute))));
  svg.setAttribute("viewBox", `0 0 ${MINUTES * SLOT} ${HEIGHT}`);
  svg.setAttribute("aria-label", summary);
  const slots = minutes.filter((minute) => layers.some((layer) => layer(minute))).map((minute) => slotOf(minute, layers, most, labelOf));
  const base = node("line", { x1: 0, x2: MINUTES * SLOT, y1: HEIGHT, y2: HEIGHT, class: "base" });
  svg.replaceChildren(base, ...slots);
  return most;
}

function slotOf(minute, layers, most, labelOf) {
  const x = (MINUTES - 1 - minute.minutes_ago) * SLOT;
  const slot = node("g", {});
  const title = node("title", {});
  title.textContent = labelOf(minute);
  slot.append(title, node("rect", { x, y: 0, width: SLOT, height: HEIGHT, class: "slot" }));
  for (const [index, layer] of layers.entries()) {
    const height = (layer(minute) / most) * HEIGHT;
    if (!height) continue;
    const shown = Math.max(height, 1.5);
    slot.append(node("rect", { x: x + GAP / 2, y: HEIGHT - shown, width: SLOT - GAP, height: shown, class: `column layer-${index}` }));
  }
  return slot;
}

function node(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
