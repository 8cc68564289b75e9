// Shapes over a picture, in its own pixels: the overlay scales with it.

import { s } from "./dom.js";
import { colourOf } from "./types.js";

const points = (feature) => feature.map(([x, y]) => `${x},${y}`).join(" ");

function drawn(shape, feature) {
  const [first, second] = feature;
  switch (shape) {
    case "bndbox":
      return s("rect", { x: first[0], y: first[1], width: second[0] - first[0], height: second[1] - first[1] });
    case "circle":
      return s("circle", { cx: first[0], cy: first[1], r: second[0] });
    case "polygon":
      return s("polygon", { points: points(feature) });
    case "line":
    case "polyline":
      return s("polyline", { points: points(feature), class: "open" });
    case "dashed":
      return s("polyline", { points: points(feature), class: "open dashed" });
    case "point":
      return s("circle", { cx: first[0], cy: first[1], r: 3, class: "dot" });
    default:
      return null;
  }
}

/** The shape of a label; null for one that has none, or that makes no sense. */
export function shapeOf(label, labels) {
  const shape = label.property?.["@modelarts:shape"];
  const feature = label.property?.["@modelarts:feature"];
  if (!shape || !Array.isArray(feature) || !feature.every(Array.isArray)) return null;
  const made = drawn(shape, feature);
  if (made) {
    made.style.setProperty("--colour", colourOf(label, labels));
    made.append(s("title", {}, label.name ?? ""));
  }
  return made;
}

/** An overlay for a picture of this size, with the shapes of its labels. */
export function overlay(sample, labels) {
  const [width, height] = sample.metadata?.["@modelarts:size"] ?? [];
  if (!width || !height) return null;
  const shapes = (sample.labels ?? []).map((label) => shapeOf(label, labels)).filter(Boolean);
  return s("svg", { class: "shapes", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "xMidYMid meet", "aria-hidden": "true" }, shapes);
}
