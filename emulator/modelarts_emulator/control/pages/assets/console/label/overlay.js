// Shapes over a picture, in its own pixels: the overlay scales with it.

import { s } from "../core/dom.js";
import { FEATURE, SHAPE, SIZE } from "../core/wire.js";
import { colourOf } from "../model/colours.js";
import { shapeFrom } from "../model/geometry.js";

/** @typedef {import("../core/wire.js").SampleLabel} SampleLabel */
/** @typedef {import("../core/wire.js").Label} Label */

/** @param {number[][]} feature */
const points = (feature) => feature.map(([x, y]) => `${x},${y}`).join(" ");

/**
 * Draw a shape.
 * @param {import("../model/geometry.js").Shape} shape
 * @param {number} [dot] The radius of a point
 * @returns {SVGElement}
 */
export function drawn({ kind, feature }, dot = 3) {
  const [first, second] = feature;
  switch (kind) {
    case "bndbox": return s("rect", { x: first[0], y: first[1], width: second[0] - first[0], height: second[1] - first[1] });
    case "circle": return s("circle", { cx: first[0], cy: first[1], r: second[0] });
    case "polygon": return s("polygon", { points: points(feature) });
    case "point": return s("circle", { cx: first[0], cy: first[1], r: dot, class: "dot" });
    default: return s("polyline", { points: points(feature), class: kind === "dashed" ? "open dashed" : "open" });
  }
}

/** @param {SampleLabel} label */
export const shapeOf = (label) => shapeFrom(label.property?.[SHAPE], label.property?.[FEATURE]);

/** @param {{metadata?: Object<string, any>}} sample @returns {{width: number, height: number} | null} */
export function sizeOf(sample) {
  const [width, height] = sample.metadata?.[SIZE] ?? [];
  return width > 0 && height > 0 ? { width, height } : null;
}

/**
 * Make the overlay of a thumbnail; null where the size of the picture is not known.
 * @param {{metadata?: Object<string, any>}} sample
 * @param {SampleLabel[]} given
 * @param {Label[]} labels
 */
export function overlay(sample, given, labels) {
  const size = sizeOf(sample);
  if (!size) return null;
  const shapes = given.flatMap((label) => {
    const shape = shapeOf(label);
    if (!shape) return [];
    const element = drawn(shape, Math.max(size.width, size.height) / 60);
    element.style.setProperty("--colour", colourOf(label, labels));
    return [element];
  });
  return s("svg", { class: "shapes", viewBox: `0 0 ${size.width} ${size.height}`, preserveAspectRatio: "xMidYMid meet", "aria-hidden": "true" }, shapes);
}
