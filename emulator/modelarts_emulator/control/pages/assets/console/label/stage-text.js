// A text at work: stretches of it become entities, and entities are related to each other.

import { button, h, show } from "../core/dom.js";
import { note } from "../core/notes.js";
import { END_INDEX, FROM, START_INDEX, TO } from "../core/wire.js";
import { isRelation, pieces, spanOf, words } from "../model/spans.js";
import { nameOf, textOf, underlines } from "./content.js";

/** @typedef {import("./editor.js").Editor} Editor */
/** @typedef {import("../core/wire.js").Label} Label */

export class TextStage {
  /** @param {Editor} editor @param {boolean} takesEntities */
  constructor(editor, takesEntities) {
    this.editor = editor;
    this.takesEntities = takesEntities;
    this.hasRelations = editor.kind.relation !== undefined;
    this.text = h("p.text", { tabindex: takesEntities ? "0" : null, lang: "" });
    this.element = h("div.text-stage", { tabindex: "-1" }, this.text);
    /** The stretch that was chosen by keys. @type {[number, number] | null} */
    this.range = null;
    this.word = -1;
    this.from = -1; // the entity that a relation begins at
    this.relate = button("Relate (r)", () => this.startRelation(), { class: "tool" });
    this.toolbar = h("div.toolbar", { role: "toolbar", "aria-label": "Tools" }, takesEntities
      ? h("span.faint", {}, "Select a part of the text, then choose a label.") : null, h("span.spring", {}), this.hasRelations ? this.relate : null);
    this.text.addEventListener("click", (event) => this.click(event));
  }

  get commands() {
    if (!this.takesEntities) return [];
    const group = "Text";
    return [
      { keys: ["."], text: "The next word", group, run: () => this.step(1, false) },
      { keys: [","], text: "The word before", group, run: () => this.step(-1, false) },
      { keys: [">"], text: "Make the stretch longer by a word", group, run: () => this.step(1, true) },
      { keys: ["<"], text: "Make it shorter by a word", group, run: () => this.step(-1, true) },
      ...(this.hasRelations ? [{ keys: ["r"], text: "Relate the chosen entity to the one that is clicked or chosen next", group, run: () => this.startRelation() }] : []),
    ];
  }

  show() {
    this.range = null;
    this.word = -1;
    this.from = -1;
    this.update();
  }

  update() {
    const { given, chosen, labels } = this.editor;
    const text = this.editor.sample ? textOf(this.editor.sample) : "";
    const [start, end] = this.range ?? [-1, -1];
    const marks = this.range ? [...given, { property: { [START_INDEX]: start, [END_INDEX]: end } }] : given;
    show(this.text, pieces(text, marks).map((piece) => {
      const places = piece.places.filter((place) => place < given.length);
      const isRange = piece.places.length > places.length;
      if (!piece.places.length) return piece.text;
      return h("mark", {
        class: [isRange ? "range" : "", places.some((place) => chosen.has(place)) ? "chosen" : "", places.includes(this.from) ? "from" : ""].join(" ").trim() || null,
        dataset: { places: places.join(" ") }, style: { "box-shadow": underlines(given, places, labels) },
      }, piece.text, piece.ends.filter((place) => place < given.length && given[place].name).map((place) => h("sub", { dataset: { name: nameOf(given[place]) }, "aria-hidden": "true" })));
    }));
    this.relate.setAttribute("aria-pressed", String(this.from >= 0));
  }

  cancel() {
    const was = this.range !== null || this.from >= 0;
    this.range = null;
    this.from = -1;
    if (was) this.update();
    return was;
  }

  /** @param {number} by @param {boolean} isLonger */
  step(by, isLonger) {
    const all = words(this.editor.sample ? textOf(this.editor.sample) : "");
    if (!all.length) return false;
    if (isLonger && this.range) {
      const last = all.findIndex(([, end]) => end >= /** @type {[number, number]} */ (this.range)[1]);
      const next = all[Math.max(0, Math.min(all.length - 1, last + by))];
      if (next[1] > this.range[0]) this.range = [this.range[0], next[1]];
    } else {
      this.word = Math.max(0, Math.min(all.length - 1, this.word + by));
      this.range = all[this.word];
    }
    getSelection()?.removeAllRanges();
    this.update();
    return true;
  }

  /** @returns {[number, number] | null} The stretch that is selected, in characters */
  selected() {
    const selection = getSelection();
    if (!selection || selection.isCollapsed || !this.text.contains(selection.anchorNode)) return this.range;
    const range = selection.getRangeAt(0);
    const before = document.createRange();
    before.setStart(this.text, 0);
    before.setEnd(range.startContainer, range.startOffset);
    const start = [...before.toString()].length;
    const chosen = [...range.toString()];
    const left = chosen.findIndex((character) => character.trim());
    const right = chosen.length - [...chosen].reverse().findIndex((character) => character.trim());
    return left < 0 ? null : [start + left, Math.min(start + right, [...textOf(/** @type {any} */ (this.editor.sample))].length)];
  }

  /** Give a label: to the selected stretch, or else to the chosen entities. @param {Label} label @returns {boolean} */
  use(label) {
    const span = this.selected();
    const isRelationLabel = this.hasRelations && label.type === this.editor.kind.relation;
    if (isRelationLabel) {
      note("Choose an entity and press r, then choose the other: the relation gets this label.");
      return true;
    }
    if (!span) return false;
    const { given } = this.editor;
    const made = { name: label.name, type: label.type ?? this.editor.kind.label, id: crypto.randomUUID(), property: { [START_INDEX]: span[0], [END_INDEX]: span[1] } };
    getSelection()?.removeAllRanges();
    this.range = null;
    this.editor.edit(`Mark ${label.name}`, [...given, made]);
    this.editor.choose([given.length]);
    return true;
  }

  /** @param {Event} event */
  click(event) {
    const selection = getSelection();
    if (selection && !selection.isCollapsed) return;
    const mark = /** @type {Element} */ (event.target).closest("mark");
    const places = (/** @type {HTMLElement | null} */ (mark)?.dataset.places ?? "").split(" ").filter(Boolean).map(Number);
    if (!places.length) return;
    const length = (/** @type {number} */ place) => { const span = spanOf(this.editor.given[place]); return span ? span[1] - span[0] : 0; };
    places.sort((one, other) => length(one) - length(other));
    const last = places.findIndex((place) => this.editor.chosen.has(place));
    this.editor.choose([places[(last + 1) % places.length]]);
  }

  // Relations

  startRelation() {
    const [place] = this.editor.chosen;
    if (!this.hasRelations || place === undefined || isRelation(this.editor.given[place])) {
      note("Choose the entity first that the relation begins at.", true);
      return true;
    }
    this.from = place;
    note("Now choose the other entity.");
    this.update();
    return true;
  }

  /** The editor has chosen other labels: that may end a relation. */
  chose() {
    const [place] = this.editor.chosen;
    if (this.from < 0 || place === undefined || place === this.from) return;
    const from = this.from;
    this.from = -1;
    const { given } = this.editor;
    if (isRelation(given[place])) return;
    this.editor.withRelation(given[from], given[place], (label) => {
      const withIds = given.map((each, number) => (number === from || number === place ? { ...each, id: each.id ?? crypto.randomUUID() } : each));
      const relation = { name: label.name, type: this.editor.kind.relation, id: crypto.randomUUID(), property: { [FROM]: withIds[from].id, [TO]: withIds[place].id } };
      this.editor.edit(`Relate ${label.name}`, [...withIds, relation]);
    });
  }
}
