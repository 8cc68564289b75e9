// The labels of an open dataset as they are worked on: what is wanted, what is on its way, and what can be undone.

import { api } from "../core/http.js";
import { note } from "../core/notes.js";
import { History } from "../model/history.js";
import { isHard, sendable, sendableMetadata, withHard } from "../model/labelling.js";
import { Saver } from "../model/saver.js";
import { Shortcuts } from "../model/shortcuts.js";

/** @typedef {import("../core/wire.js").Sample} Sample */
/** @typedef {import("../core/wire.js").State} State */
/** @typedef {import("../core/wire.js").Label} Label */
/** @typedef {import("../core/wire.js").Context} Context */
/** @typedef {import("../model/history.js").Entry} Entry */

export class Workspace {
  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    this.history = new History();
    this.saver = new Saver((changes) => this.put(changes), { onChange: (ids) => this.announce(ids) });
    /** @type {Set<(ids: string[]) => void>} */
    this.listeners = new Set();
    /** Labels that no sample has yet, by name. @type {Map<string, Label>} */
    this.drafts = new Map();
    /** @type {Label[]} */
    this.listed = [];
    /** @type {Label[]} */
    this.merged = [];
    this.shortcuts = new Shortcuts([]);
    /** @type {Set<string>} */
    this.reported = new Set();
  }

  /** The labels of the dataset, with those that were just named. */
  get labels() {
    if (this.listed !== this.context.labels) {
      this.listed = this.context.labels;
      for (const label of this.listed) this.drafts.delete(label.name ?? "");
      this.merge();
    }
    return this.merged;
  }

  merge() {
    this.merged = [...this.listed, ...this.drafts.values()];
    this.shortcuts = new Shortcuts(this.merged);
  }

  /** @param {string} name @param {number | undefined} type @returns {Label} */
  labelNamed(name, type) {
    const known = this.labels.find((label) => label.name === name);
    if (known) return known;
    const label = { name, type };
    this.drafts.set(name, label);
    this.merge();
    return label;
  }

  /** @param {(ids: string[]) => void} listener @returns {() => void} Ends it */
  onChange(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** @param {string[]} ids */
  announce(ids) {
    for (const listener of this.listeners) listener(ids);
    for (const id of ids) {
      const error = this.saver.errorOf(id);
      if (error && !this.reported.has(id)) note(`A change was not saved: ${error}`, true);
      if (error) this.reported.add(id);
      else this.reported.delete(id);
    }
  }

  /** @param {Sample} sample */
  view(sample) {
    return this.saver.view(sample);
  }

  /**
   * Change samples, so that it can be undone.
   * @param {string} title
   * @param {Array<{sample: Sample, to: State}>} edits
   */
  edit(title, edits) {
    const steps = edits.map(({ sample, to }) => {
      const before = this.view(sample);
      if (isHard(to.metadata) === isHard(before.metadata)) return { id: sample.sample_id, before, after: to };
      // The server merges metadata: to undo a flag, it has to be sent as off.
      return {
        id: sample.sample_id, before: { ...before, metadata: withHard(before.metadata, isHard(before.metadata)), withMetadata: true },
        after: { ...to, withMetadata: true },
      };
    });
    if (!steps.length) return;
    this.history.push({ title, steps });
    this.saver.change(steps.map(({ id, before, after }) => ({ id, from: before, to: after })));
  }

  /** @returns {Promise<Entry | undefined>} */
  async undo() {
    const entry = this.history.undo();
    if (entry) {
      if (entry.undo) await entry.undo();
      this.saver.change(entry.steps.map(({ id, before, after }) => ({ id, from: after, to: before })));
    }
    return entry;
  }

  /** @returns {Promise<Entry | undefined>} */
  async redo() {
    const entry = this.history.redo();
    if (entry) {
      if (entry.redo) await entry.redo();
      this.saver.change(entry.steps.map(({ id, before, after }) => ({ id, from: before, to: after })));
    }
    return entry;
  }

  /** @param {Array<{id: string, state: State}>} changes @returns {Promise<Array<string | null>>} */
  async put(changes) {
    const samples = changes.map(({ id, state }) => ({ sample_id: id, labels: sendable(state.labels), ...(state.withMetadata ? { metadata: sendableMetadata(state.metadata) } : {}) }));
    const answer = await api("PUT", `/${this.context.id}/data-annotations/samples`, { body: { samples } });
    return changes.map((_, number) => {
      const result = answer.results?.[number];
      return !result || result.success ? null : result.error_msg ?? "refused";
    });
  }
}
