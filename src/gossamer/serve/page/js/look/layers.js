// The kernels of the sparse layers as pictures, with counts.

import { make } from "../dom.js";
import { percent, wholeNumber } from "../teach/words.js";

export function drawLayers({ layers, n_weights: nWeights, n_possible: nPossible }) {
  return [
    make(
      "p.lead",
      {},
      `${wholeNumber(nWeights)} of ${wholeNumber(nPossible)} possible connections in ${layers.length} sparse layers.`,
    ),
    make("p.none", {}, "Inputs across, outputs down; a dot is a connection."),
    make("ul.layers", {}, ...layers.map(layerFigure)),
  ];
}

function layerFigure(layer) {
  const {
    component,
    name,
    n_in: nIn,
    n_out: nOut,
    n_weights: nWeights,
    density,
    cells_per_pixel: cells = 1,
  } = layer;
  const title = make(
    "figcaption",
    {},
    make("span.name", { dir: "auto" }, name),
    make("span.none", { dir: "auto" }, component),
  );
  const picture = make("img.kernel", {
    src: pictureOf(layer),
    alt: `Kernel of ${name}: ${wholeNumber(nWeights)} connections from ${nIn} inputs to ${nOut} outputs`,
    width: Math.ceil(nIn / cells),
    height: Math.ceil(nOut / cells),
    decoding: "async",
  });
  const larger = make(
    "button.act",
    { type: "button", "aria-pressed": "false", "aria-label": `Larger: ${name}` },
    "Larger",
  );
  const figure = make(
    "figure",
    {},
    title,
    make("div.kernel-place", { tabindex: -1 }, picture),
    counts(layer),
    larger,
  );
  const item = make("li.card", {}, figure);
  larger.addEventListener("click", () => {
    const isLarge = item.classList.toggle("large");
    larger.setAttribute("aria-pressed", String(isLarge));
    larger.textContent = isLarge ? "Smaller" : "Larger";
    larger.setAttribute("aria-label", `${larger.textContent}: ${name}`);
    item.scrollIntoView({ block: "nearest" });
  });
  figure
    .querySelector(".counts")
    .prepend(
      fact("connections", `${wholeNumber(nWeights)} of ${wholeNumber(nIn * nOut)} (${percent(density)})`),
      fact("size", `${nIn} inputs, ${nOut} outputs`),
    );
  if (cells > 1)
    figure
      .querySelector(".counts")
      .append(fact("a dot", `${cells} × ${cells} places, stronger where more are taken`));
  return item;
}

/** Only a picture that came with the answer: nothing is loaded from elsewhere. */
function pictureOf({ picture }) {
  return /^data:image\/(png|svg\+xml)[;,]/.test(picture) ? picture : "data:,";
}

function counts(layer) {
  const range = (of) =>
    of
      ? `${wholeNumber(of.least)} to ${wholeNumber(of.most)}, mean ${wholeNumber(Math.round(of.mean * 10) / 10)}`
      : "";
  const rows = [
    ["inputs of an output", range(layer.inputs_of_an_output)],
    ["outputs of an input", range(layer.outputs_of_an_input)],
    ["outputs without inputs", layer.n_outputs_without_inputs || ""],
    ["inputs not used", layer.n_inputs_unused || ""],
  ];
  return make(
    "dl.counts",
    {},
    ...rows.filter(([, value]) => value !== "").map(([name, value]) => fact(name, value)),
  );
}

function fact(name, value) {
  return make("div", {}, make("dt", {}, name), make("dd", {}, String(value)));
}
