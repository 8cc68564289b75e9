// Entities in a text. The API counts characters (code points), JavaScript counts UTF-16 units.

import { END_INDEX, FROM, FROM_TYPE, START_INDEX, TO, TO_TYPE } from "../core/wire.js";

/** @typedef {import("../core/wire.js").Label} Label */
/** @typedef {import("../core/wire.js").SampleLabel} SampleLabel */
/** @typedef {{text: string, start: number, end: number, places: number[], ends: number[]}} Piece */

/** @param {SampleLabel} label @returns {[number, number] | null} */
export function spanOf(label) {
  const [start, end] = [label.property?.[START_INDEX], label.property?.[END_INDEX]];
  return Number.isInteger(start) && Number.isInteger(end) && start < end ? [start, end] : null;
}

/** @param {SampleLabel} label */
export const isRelation = (label) => label.property?.[FROM] !== undefined;

/**
 * Return whether a relation label of the dataset connects entities of these names, in this order.
 * @param {Label} label
 * @param {string | undefined} from
 * @param {string | undefined} to
 */
export const connects = (label, from, to) => label.property?.[FROM_TYPE] === from && label.property?.[TO_TYPE] === to;

/**
 * Cut a text where entities begin and end. Each piece has the places of the labels over it, and of those that end there.
 * @param {string} text
 * @param {SampleLabel[]} labels
 * @returns {Piece[]}
 */
export function pieces(text, labels) {
  const characters = [...text];
  const spans = labels.map(spanOf);
  const cuts = new Set([0, characters.length]);
  for (const span of spans) for (const cut of span ?? []) if (cut >= 0 && cut <= characters.length) cuts.add(cut);
  const ordered = [...cuts].sort((one, other) => one - other);
  return ordered.slice(1).map((end, number) => {
    const start = ordered[number];
    const places = spans.flatMap((span, place) => (span && span[0] <= start && span[1] >= end ? [place] : []));
    return { text: characters.slice(start, end).join(""), start, end, places, ends: places.filter((place) => spans[place]?.[1] === end) };
  });
}

/**
 * Return the words of a text as stretches of characters.
 * @param {string} text
 * @returns {Array<[number, number]>}
 */
export function words(text) {
  /** @type {Array<[number, number]>} */
  const found = [];
  let begun = -1;
  const characters = [...text];
  characters.forEach((character, place) => {
    const isWord = /[\p{L}\p{N}\p{M}_'’-]/u.test(character);
    const isAlone = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u.test(character);
    if (begun >= 0 && (!isWord || isAlone)) { found.push([begun, place]); begun = -1; }
    if (isAlone) found.push([place, place + 1]);
    else if (isWord && begun < 0) begun = place;
  });
  if (begun >= 0) found.push([begun, characters.length]);
  return found;
}

/**
 * Return the labels without one, and without the relations that need it.
 * @param {SampleLabel[]} labels
 * @param {number} place
 */
export function without(labels, place) {
  const { id } = labels[place];
  return labels.filter((label, number) => number !== place && !(id && (label.property?.[FROM] === id || label.property?.[TO] === id)));
}
