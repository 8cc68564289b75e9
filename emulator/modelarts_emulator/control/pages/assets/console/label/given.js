// The labels that a sample has.

import { h, show } from "../core/dom.js";
import { CONTENT, END_TIME, FROM, START_TIME, TO } from "../core/wire.js";
import { colourOf } from "../model/colours.js";
import { described } from "../model/geometry.js";
import { spanOf } from "../model/spans.js";
import { nameOf, textOf } from "./content.js";
import { shapeOf } from "./overlay.js";

/** @typedef {import("./editor.js").Editor} Editor */
/** @typedef {import("../core/wire.js").SampleLabel} SampleLabel */

/** @param {Editor} editor */
export function givenList(editor) {
  const list = h("ul.given", { "aria-label": "Labels of the sample" });
  /** What is shown of each label, to be kept as long as it stays the same. @type {Array<{key: any[], element: HTMLElement}>} */
  let rows = [];
  let isFresh = true;

  /** @param {SampleLabel} label @param {number} place */
  function row(label, place) {
    const isChosen = editor.chosen.has(place);
    const about = describe(label, editor);
    return h(isChosen ? "li.chosen" : "li", { style: { "--colour": colourOf(label, editor.labels) } },
      h("button.pick", {
        type: "button", "aria-pressed": String(isChosen),
        onclick: (/** @type {MouseEvent} */ event) => editor.choose(event.ctrlKey || event.metaKey ? [...editor.chosen, place] : [place]),
      }, h("span.chip", {}, nameOf(label)), about ? h("span.faint", {}, about) : null,
      label.score === undefined || label.score === null ? null : h("span.faint", { title: "Confidence" }, `${Math.round(label.score * 100)} %`)),
      h("button.quiet", { type: "button", "aria-label": `Remove ${nameOf(label)}`, onclick: () => editor.remove([place]) }, "✕"));
  }

  return {
    element: list,
    update() {
      const { given, chosen, labels, sample } = editor;
      const focused = rows.findIndex(({ element }) => element.contains(document.activeElement));
      if (isFresh || rows.length !== given.length) show(list, rows.slice(0, given.length).map(({ element }) => element), given.length ? null : h("li.faint", {}, editor.kind.tool ? "No labels yet" : "Samples of this type take no labels"));
      isFresh = false;
      rows = given.map((label, place) => {
        // A relation is described by the entities that it is between.
        const key = [label, chosen.has(place), labels, sample, label.property?.[FROM] ? given : null];
        const old = rows[place];
        if (old && key.every((each, number) => each === old.key[number])) return old;
        const element = row(label, place);
        if (old) old.element.replaceWith(element);
        else list.append(element);
        return { key, element };
      });
      if (focused >= 0 && !list.contains(document.activeElement)) (rows[Math.min(focused, rows.length - 1)]?.element.querySelector("button") ?? editor.element)?.focus();
      if (chosen.size === 1) rows[[...chosen][0]]?.element.scrollIntoView({ block: "nearest" });
    },
  };
}

/** @param {SampleLabel} label @param {Editor} editor */
function describe(label, editor) {
  const shape = shapeOf(label);
  const property = label.property ?? {};
  if (shape) return `${shape.kind} ${described(shape)}`;
  const span = spanOf(label);
  if (span && editor.sample) return `${span[0]}–${span[1]} “${[...textOf(editor.sample)].slice(...span).join("").slice(0, 40)}”`;
  if (property[FROM]) return `${entity(property[FROM], editor)} → ${entity(property[TO], editor)}`;
  if (property[START_TIME]) return [property[START_TIME], property[END_TIME] && `– ${property[END_TIME]}`, label.name ? property[CONTENT] : ""].filter(Boolean).join(" ");
  return label.name ? property[CONTENT] ?? "" : "";
}

/** @param {string} id @param {Editor} editor */
function entity(id, editor) {
  const label = editor.given.find((each) => each.id === id);
  const span = label && spanOf(label);
  return span && editor.sample ? `“${[...textOf(editor.sample)].slice(...span).join("").slice(0, 24)}”` : "?";
}
