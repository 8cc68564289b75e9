// The tools for the shapes of the API.

import { box, distance } from "../model/geometry.js";

/** @typedef {import("../model/geometry.js").Point} Point */
/** @typedef {import("../model/geometry.js").Kind} Kind */
/**
 * @typedef {object} Tool
 * @property {Kind | "mask" | null} kind
 * @property {string} name
 * @property {string} icon
 * @property {string} key
 * @property {string} text
 * @property {boolean} [isOpen] Whether it is drawn by clicks, one for each point
 * @property {(start: Point, end: Point) => Point[]} [make] The points of what is drawn by one drag
 */

/** @type {Tool[]} */
export const TOOLS = [
  { kind: null, name: "Select", icon: "➤", key: "v", text: "Choose, move and resize shapes" },
  { kind: "bndbox", name: "Box", icon: "▭", key: "b", text: "Draw boxes", make: box },
  { kind: "polygon", name: "Polygon", icon: "⬠", key: "p", text: "Draw polygons, a click for each corner", isOpen: true },
  { kind: "circle", name: "Circle", icon: "◯", key: "c", text: "Draw circles from their centre", make: (start, end) => [start, [Math.max(1, Math.round(distance(start, end)))]] },
  { kind: "point", name: "Point", icon: "•", key: "o", text: "Set points", isOpen: true },
  { kind: "line", name: "Line", icon: "╱", key: "l", text: "Draw lines", make: (start, end) => [start, end] },
  { kind: "dashed", name: "Dashed", icon: "┄", key: "d", text: "Draw dashed lines", make: (start, end) => [start, end] },
  { kind: "polyline", name: "Polyline", icon: "∿", key: "k", text: "Draw polylines, a click for each point", isOpen: true },
  { kind: "mask", name: "Mask", icon: "▒", key: "m", text: "Paint an area with a brush; it becomes a polygon (Alt erases)" },
];

/** The tools for some kinds of shapes, or for all; a mask becomes a polygon. @param {string[]} [kinds] */
export function toolsFor(kinds) {
  return kinds ? TOOLS.filter(({ kind }) => kind === null || kind === "mask" || kinds.includes(kind)) : TOOLS;
}
