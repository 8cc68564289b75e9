// A sample in a grid: a picture with its shapes, a text with its entities, a sound, a row.

import { h } from "../core/dom.js";
import { thumbnail } from "../core/thumbnail.js";
import { CONTENT } from "../core/wire.js";
import { colourOf } from "../model/colours.js";
import { pieces } from "../model/spans.js";
import { typeOf } from "../model/types.js";
import { overlay } from "./overlay.js";

/** @typedef {import("../core/wire.js").Sample} Sample */
/** @typedef {import("../core/wire.js").SampleLabel} SampleLabel */
/** @typedef {import("../core/wire.js").Label} Label */

const MOST_CHARACTERS = 600;

/** @param {Sample} sample */
export const textOf = (sample) => (sample.source ?? "").replace(/^content:\/\//, "");

/**
 * Return the colours under a piece of text, one line each.
 * @param {SampleLabel[]} given
 * @param {number[]} places
 * @param {Label[]} labels
 */
export const underlines = (given, places, labels) => places.map((place, depth) => `0 ${2 + depth * 4}px 0 0 ${colourOf(given[place], labels)}`).join(", ");

/** @type {HTMLAudioElement | null} */
let playing = null;

/** Play a sound, or stop it where it is the one that plays. @param {string} source */
function play(source) {
  const was = playing && !playing.paused ? playing.src : "";
  playing?.pause();
  if (was === new URL(source, location.href).href) return;
  playing = new Audio(source);
  playing.play().catch(() => {});
}

/** @param {Sample} sample @param {SampleLabel[]} given @param {Label[]} labels */
function marked(sample, given, labels) {
  const text = [...textOf(sample)].slice(0, MOST_CHARACTERS).join("");
  return pieces(text, given).map((piece) => (piece.places.length
    ? h("mark", { style: { "box-shadow": underlines(given, piece.places, labels) } }, piece.text)
    : piece.text));
}

/**
 * Make what is shown of a sample in a grid.
 * @param {Sample} sample
 * @param {number} type
 * @param {SampleLabel[]} given
 * @param {Label[]} labels
 * @returns {HTMLElement}
 */
export function preview(sample, type, given, labels) {
  const { unit } = typeOf(type);
  const source = sample.preview ?? sample.source ?? "";
  switch (unit) {
    case "picture": return h("div.picture", {}, thumbnail(source), overlay(sample, given, labels));
    case "text": return h("p.text", {}, marked(sample, given, labels));
    case "row": return h("p.text.cells", {}, (sample.sample_data ?? []).map((cell) => h("span", {}, cell)));
    case "sound": return h("p.glyph", {}, h("button.play", { type: "button", tabindex: "-1", "aria-label": `Play ${sample.sample_name ?? ""}`, onclick: () => play(source) }, "▶"));
    case "video": return sample.sample_type === 0 ? h("div.picture", {}, thumbnail(source), overlay(sample, given, labels)) : h("p.glyph", { "aria-hidden": "true" }, "▶");
    default: return h("p.glyph", { "aria-hidden": "true" }, "▤");
  }
}

/** @param {SampleLabel} label @returns {string} What a label is called, where it has no name what it says */
export const nameOf = (label) => label.name ?? label.property?.[CONTENT] ?? "—";

/**
 * Make the names of a sample's labels, each in its colour.
 * @param {SampleLabel[]} given
 * @param {Label[]} labels
 */
export function chips(given, labels) {
  const names = [...new Map(given.map((label) => [nameOf(label), label])).values()];
  return h("div.chips", {}, names.slice(0, 8).map((label) => h("span.chip", { style: { "--colour": colourOf(label, labels) } }, nameOf(label))),
    names.length > 8 ? h("span.faint", {}, `+${names.length - 8}`) : null);
}
