// Small charts: lines, points and their axes as SVG. What they show is in a table beside them, too.

const SVG = "http://www.w3.org/2000/svg";
const [WIDE, NARROW, HEIGHT] = [560, 330, 300]; // of the drawing, which is stretched to its place
const EDGE = { left: 54, right: 16, top: 14, bottom: 44 };

function svg(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElementNS(SVG, tag);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/**
 * A chart.
 *
 * @param {Object} chart
 * @param {string} chart.label  what a screen reader says of it
 * @param {{label: string, range: [number, number], text: (value: number) => string}} chart.x
 * @param {{label: string, range: [number, number], text: (value: number) => string}} chart.y
 * @param {[number, number][]} chart.line  points from left to right
 * @param {{at: [number, number], name?: string, spread?: number, kind?: string}[]} [chart.marks]
 *   points that are drawn; `spread` is half the height of their error bar
 */
export function chart({ label, x, y, line, marks = [] }) {
  const width = matchMedia("(max-width: 719px)").matches ? NARROW : WIDE; // letters stay as large
  const across = scale(x.range, EDGE.left, width - EDGE.right);
  const up = scale(y.range, HEIGHT - EDGE.bottom, EDGE.top);
  const place = ([a, b]) => `${across(a).toFixed(1)},${up(b).toFixed(1)}`;
  return svg(
    "svg.chart",
    { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": label },
    ...ticks(y.range).flatMap((value) => [
      svg("line.grid", { x1: EDGE.left, x2: width - EDGE.right, y1: up(value), y2: up(value) }),
      svg("text.tick", { x: EDGE.left - 8, y: up(value) + 4, "text-anchor": "end" }, y.text(value)),
    ]),
    ...ticks(x.range).map((value) =>
      svg(
        "text.tick",
        { x: across(value), y: HEIGHT - EDGE.bottom + 18, "text-anchor": "middle" },
        x.text(value),
      ),
    ),
    svg(
      "text.axis",
      { x: (EDGE.left + width - EDGE.right) / 2, y: HEIGHT - 6, "text-anchor": "middle" },
      x.label,
    ),
    svg(
      "text.axis",
      {
        transform: `translate(13 ${(HEIGHT - EDGE.bottom + EDGE.top) / 2}) rotate(-90)`,
        "text-anchor": "middle",
      },
      y.label,
    ),
    svg("polyline.line", { points: line.map(place).join(" ") }),
    ...marks.flatMap((mark) => drawn(mark, { across, up, width, range: y.range })),
  );
}

function drawn({ at, name, spread, kind = "plain" }, { across, up, width, range }) {
  const [least, most] = range;
  const [cx, cy] = [across(at[0]), up(at[1])];
  const parts = [svg(`circle.mark.${kind}`, { cx, cy, r: name ? 6 : 4 })];
  if (spread) {
    const y1 = up(Math.max(least, at[1] - spread));
    const y2 = up(Math.min(most, at[1] + spread));
    parts.unshift(svg("line.spread", { x1: cx, x2: cx, y1, y2 }));
  }
  if (name) {
    // Curves rise to the right, so names are on the left where there is room.
    const isLeft = cx > width * 0.3;
    const x = isLeft ? cx - 10 : cx + 10;
    parts.push(
      svg("text.name", { x, y: Math.max(cy - 9, 12), "text-anchor": isLeft ? "end" : "start" }, name),
    );
  }
  return parts;
}

function scale([least, most], from, to) {
  const size = most - least || 1;
  return (value) => from + ((value - least) / size) * (to - from);
}

/** Four to seven round numbers in a range. */
export function ticks([least, most]) {
  const size = most - least;
  if (!(size > 0)) return [least];
  const rough = size / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999) * power;
  const found = [];
  for (let value = Math.ceil(least / step - 1e-9) * step; value <= most + step * 1e-6; value += step) {
    found.push(Number(value.toPrecision(12)));
  }
  return found;
}
