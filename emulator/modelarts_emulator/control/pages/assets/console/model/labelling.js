// What is done to the labels of a sample. Each gives a new list, and leaves the old one as it is.

import { HARD, HARD_REASONS } from "../core/wire.js";

/** @typedef {import("../core/wire.js").SampleLabel} SampleLabel */
/** @typedef {import("../core/wire.js").State} State */
/** @typedef {import("../core/wire.js").Json} Json */

/** @param {SampleLabel[]} labels @param {string | undefined} name */
export const hasLabel = (labels, name) => labels.some((label) => label.name === name);

/**
 * Add a label without a shape, or take it off where it is on.
 * @param {SampleLabel[]} labels
 * @param {{name?: string, type?: number}} label
 */
export function toggled(labels, label) {
  return hasLabel(labels, label.name) ? labels.filter((each) => each.name !== label.name) : added(labels, label);
}

/** @param {SampleLabel[]} labels @param {SampleLabel} label @returns {SampleLabel[]} */
export const added = (labels, label) => (hasLabel(labels, label.name) && !label.property ? labels : [...labels, label]);

/** @param {SampleLabel[]} labels @param {number} place @param {Json} property Members that replace those of the label */
export const changed = (labels, place, property) => labels.map((label, number) => (number === place ? { ...label, property: { ...label.property, ...property } } : label));

/** @param {SampleLabel[]} labels @param {Set<number> | number[]} places @param {{name?: string}} label */
export function relabelled(labels, places, label) {
  const chosen = new Set(places);
  // A score is of the label that was proposed, not of the one that a person has chosen.
  return labels.map((each, place) => (chosen.has(place) ? { ...without(each, "score"), name: label.name } : each));
}

/** @param {SampleLabel} label @param {keyof SampleLabel} member */
function without(label, member) {
  const { [member]: _, ...rest } = label;
  return rest;
}

/**
 * Return labels as a change sends them: who has set each is for the server to say.
 * @param {SampleLabel[]} labels
 */
export const sendable = (labels) => labels.map((label) => without(label, "annotated_by"));

/** @param {Json | undefined} metadata */
export const isHard = (metadata) => [1, "1", true, "true", 1.0].includes(metadata?.[HARD]);

/** @param {Json} metadata @param {boolean} isOn @returns {Json} */
export const withHard = (metadata, isOn) => ({ ...metadata, [HARD]: isOn ? 1 : 0, [HARD_REASONS]: isOn ? metadata[HARD_REASONS] ?? [] : [] });

/** @param {Json} metadata @returns {Json} The members that a change may send */
export const sendableMetadata = (metadata) => Object.fromEntries([HARD, HARD_REASONS].filter((name) => metadata[name] !== undefined).map((name) => [name, metadata[name]]));
