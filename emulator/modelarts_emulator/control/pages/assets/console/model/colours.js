// The colours of labels.

import { COLOUR } from "../core/wire.js";

/** @typedef {import("../core/wire.js").Label} Label */

// Distinguishable in light and dark, for labels that have no colour of their own.
const COLOURS = ["#2f7de1", "#d9534f", "#2a9d5c", "#b0661b", "#8e52c4", "#0f8f9c", "#c2408a", "#6b7d1e", "#4f62d8", "#a8483a"];
/** @type {WeakMap<Label[], Map<string, string>>} */
const known = new WeakMap();

/** @param {any} value @returns {value is string} */
export const isColour = (value) => typeof value === "string" && /^#([0-9a-f]{3}|[0-9a-f]{4}|[0-9a-f]{6}|[0-9a-f]{8})$/i.test(value);

/** @param {Label[]} labels */
function coloursOf(labels) {
  let found = known.get(labels);
  if (!found) {
    found = new Map();
    labels.forEach((label, place) => {
      const own = label.property?.[COLOUR];
      if (!found?.has(label.name ?? "")) found?.set(label.name ?? "", isColour(own) ? own : COLOURS[place % COLOURS.length]);
    });
    known.set(labels, found);
  }
  return found;
}

/**
 * Return the colour of a label: its own, that of the dataset's label of this name, or one worked out from the name.
 * @param {{name?: string, property?: Object<string, any>}} label
 * @param {Label[]} [labels] Those of the dataset
 */
export function colourOf(label, labels) {
  const own = label.property?.[COLOUR];
  if (isColour(own)) return own;
  const listed = labels && coloursOf(labels).get(label.name ?? "");
  if (listed) return listed;
  let sum = 0;
  for (const character of label.name ?? "") sum = (sum * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return COLOURS[sum % COLOURS.length];
}
