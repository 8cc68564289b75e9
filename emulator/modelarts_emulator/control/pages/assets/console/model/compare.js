// Two versions of a dataset, sample by sample.

import { END_INDEX, END_TIME, FEATURE, SHAPE, START_INDEX, START_TIME } from "../core/wire.js";

/** @typedef {import("../core/wire.js").Sample} Sample */
/** @typedef {import("../core/wire.js").SampleLabel} SampleLabel */
/** @typedef {{sample: Sample, kind: "added" | "deleted" | "changed", gone: string[], come: string[]}} Difference */

const MEMBERS = [SHAPE, FEATURE, START_INDEX, END_INDEX, START_TIME, END_TIME, "@modelarts:content", "@modelarts:from", "@modelarts:to"];

/** @param {SampleLabel} label @returns {string} A label in one line, the same for labels that mean the same */
export function line(label) {
  const found = MEMBERS.filter((name) => label.property?.[name] !== undefined).map((name) => (typeof label.property?.[name] === "string" ? label.property[name] : JSON.stringify(label.property?.[name])));
  return [label.name ?? "", ...found].filter(Boolean).join(" ");
}

/**
 * Return what has changed from one list of samples to the other.
 * @param {Sample[]} before
 * @param {Sample[]} after
 * @returns {Difference[]}
 */
export function differences(before, after) {
  const known = new Map(before.map((sample) => [sample.sample_id, sample]));
  /** @type {Difference[]} */
  const found = [];
  for (const sample of after) {
    const old = known.get(sample.sample_id);
    known.delete(sample.sample_id);
    const [gone, come] = changedLines(old?.labels ?? [], sample.labels ?? []);
    if (!old) found.push({ sample, kind: "added", gone, come });
    else if (gone.length || come.length) found.push({ sample, kind: "changed", gone, come });
  }
  for (const sample of known.values()) found.push({ sample, kind: "deleted", gone: (sample.labels ?? []).map(line), come: [] });
  return found;
}

/** @param {SampleLabel[]} before @param {SampleLabel[]} after @returns {[string[], string[]]} */
function changedLines(before, after) {
  const counts = new Map();
  for (const label of before) counts.set(line(label), (counts.get(line(label)) ?? 0) - 1);
  for (const label of after) counts.set(line(label), (counts.get(line(label)) ?? 0) + 1);
  const all = [...counts];
  return [all.filter(([, number]) => number < 0).map(([text]) => text), all.filter(([, number]) => number > 0).map(([text]) => text)];
}
