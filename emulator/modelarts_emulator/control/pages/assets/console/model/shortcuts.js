// Which key sets which label. A label's own shortcut always wins; the digits that are left go to the other labels.

import { SHORTCUT } from "../core/wire.js";

/** @typedef {import("../core/wire.js").Label} Label */

const DIGITS = [..."1234567890"];

/** The keys of a list of labels. */
export class Shortcuts {
  /** @param {Label[]} labels */
  constructor(labels) {
    /** @type {Map<string, Label>} */
    this.byKey = new Map();
    /** @type {Map<Label, string>} */
    this.byLabel = new Map();
    for (const label of labels) {
      const key = label.property?.[SHORTCUT];
      if (typeof key === "string" && [...key].length === 1 && key.trim() && !this.byKey.has(key)) this.add(key, label);
    }
    const free = DIGITS.filter((digit) => !this.byKey.has(digit));
    for (const label of labels) {
      if (!free.length) break;
      if (!this.byLabel.has(label)) this.add(/** @type {string} */ (free.shift()), label);
    }
  }

  /** @param {string} key @param {Label} label */
  add(key, label) {
    this.byKey.set(key, label);
    this.byLabel.set(label, key);
  }

  /**
   * Return the label that a key sets. A letter is found in either case, unless another label has it in this very case.
   * @param {string} key As `KeyboardEvent.key` has it
   * @returns {Label | undefined}
   */
  labelOf(key) {
    if ([...key].length !== 1) return undefined;
    return this.byKey.get(key) ?? this.byKey.get(key.toLowerCase()) ?? this.byKey.get(key.toUpperCase());
  }

  /** @param {Label} label @returns {string} The key that sets it; empty where there is none */
  keyOf(label) {
    return this.byLabel.get(label) ?? "";
  }
}
