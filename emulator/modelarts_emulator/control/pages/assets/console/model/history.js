// What has been done, to be undone and done again.

/** @typedef {import("../core/wire.js").State} State */
/** @typedef {{id: string, before: State, after: State}} Step One sample, before and after. */
/** @typedef {{title: string, steps: Step[], undo?: () => Promise<any>, redo?: () => Promise<any>}} Entry */

const MOST = 1000;

/** Edits of a dataset's samples, oldest first. */
export class History {
  constructor() {
    /** @type {Entry[]} */
    this.done = [];
    /** @type {Entry[]} */
    this.undone = [];
  }

  /** @param {Entry} entry */
  push(entry) {
    this.done.push(entry);
    if (this.done.length > MOST) this.done.shift();
    this.undone = [];
  }

  /** @returns {Entry | undefined} What has to be undone now */
  undo() {
    const entry = this.done.pop();
    if (entry) this.undone.push(entry);
    return entry;
  }

  /** @returns {Entry | undefined} What has to be done again now */
  redo() {
    const entry = this.undone.pop();
    if (entry) this.done.push(entry);
    return entry;
  }
}
