// What is done to all samples that are selected.

import { formDialog } from "../core/dialog.js";
import { button, check, count, field, h, show } from "../core/dom.js";
import { api, requireAll } from "../core/http.js";
import { attempt, note } from "../core/notes.js";
import { put, read } from "../core/storage.js";
import { added, hasLabel, toggled, withHard } from "../model/labelling.js";
import { stamp } from "../model/saver.js";
import { typeOf } from "../model/types.js";
import { PAGE } from "./grid.js";

/** @typedef {import("../core/wire.js").Sample} Sample */
/** @typedef {import("../core/wire.js").State} State */
/** @typedef {import("../core/wire.js").Label} Label */
/** @typedef {import("./grid.js").Grid} Grid */
/** @typedef {import("../label/workspace.js").Workspace} Workspace */

const MOST_IN_CALL = 1000;

/**
 * @param {Grid} grid
 * @param {Workspace} workspace
 * @param {() => void} refresh
 */
export function bulkActions(grid, workspace, refresh) {
  const { context } = workspace;
  const kind = typeOf(context.dataset.dataset_type);
  const element = h("div.bulk", { role: "toolbar", "aria-label": "For the selected samples" });

  /** @returns {Promise<Sample[]>} */
  async function collect() {
    if (!grid.selection.isAll) return [...grid.selected.values()];
    const found = [];
    for (let number = 0; number * PAGE < grid.total; number += 1) {
      const asked = performance.now();
      const page = await grid.actions.fetchPage(number);
      if (!page) break;
      stamp(page.samples, asked);
      found.push(...page.samples.filter((sample) => grid.selection.has(sample.sample_id)));
      if (number % 20 === 19) note(`${count(found.length)} of ${count(grid.total)} read`);
    }
    return found;
  }

  /** @param {string} title @param {(state: State, sample: Sample) => State | null} change */
  async function each(title, change) {
    const samples = await attempt(collect);
    if (!samples) return;
    const edits = samples.flatMap((sample) => {
      const to = change(workspace.view(sample), sample);
      return to ? [{ sample, to }] : [];
    });
    workspace.edit(title, edits);
    note(edits.length ? `${title}: ${count(edits.length)} samples. Ctrl+Z undoes it.` : `${title}: nothing to change.`);
    await workspace.saver.whenIdle();
    refresh();
  }

  /** @param {Label} label */
  const give = (label) => each(`Label ${label.name}`, (state) => (hasLabel(state.labels, label.name) ? null
    : { ...state, labels: added(state.labels, { name: label.name, type: label.type ?? kind.label }) }));

  /** @param {string} name */
  const take = (name) => each(`Take off ${name}`, (state) => (hasLabel(state.labels, name) ? { ...state, labels: state.labels.filter((label) => label.name !== name) } : null));

  /** @param {(name: string) => void} use @param {string} title @param {string} action */
  function ask(use, title, action) {
    const name = h("input", { list: "bulk-labels", required: true, autocomplete: "off" });
    formDialog(title, action, [field("Label", name), h("datalist", { id: "bulk-labels" }, workspace.labels.slice(0, 10000).map((label) => h("option", { value: label.name })))], async () => use(name.value.trim()));
  }

  function update() {
    const size = grid.selection.size(grid.total);
    if (!size) {
      show(element, h("span.faint", {}, grid.total ? "Click opens a sample. Ctrl+click, Shift+click or Space select; Ctrl+A selects all that the filter finds." : ""));
      return;
    }
    show(element,
      h("strong", { role: "status" }, `${count(size)} selected`),
      grid.selection.isAll || size >= grid.total ? null : button(`all ${count(grid.total)}`, () => grid.selectAll(), { class: "quiet" }),
      kind.tool === "classes" ? button("Label…", () => ask((name) => give(workspace.labelNamed(name, kind.label)), `Label ${count(size)} samples`, "Label")) : null,
      kind.tool ? [
        button("Take off…", () => ask(take, `Take a label off ${count(size)} samples`, "Take off")),
        button("Clear labels", () => each("Clear labels", (state) => (state.labels.length ? { ...state, labels: [] } : null))),
        button("Accept", () => each("Accept", (state, sample) => (sample.sample_status === "AUTO_ANNOTATION" ? { ...state, labels: [...state.labels] } : null)), { title: "Confirm the proposed labels" }),
        button("Refuse", () => each("Refuse", (state, sample) => (sample.sample_status === "AUTO_ANNOTATION" ? { ...state, labels: [] } : null)), { title: "Take off the proposed labels" }),
        button("★ hard", () => each("Hard", (state) => ({ ...state, metadata: withHard(state.metadata, true) }))),
        button("not hard", () => each("Not hard", (state) => ({ ...state, metadata: withHard(state.metadata, false) }))),
      ] : null,
      button("Delete…", () => remove(), { class: "danger" }),
      button("Clear selection", () => grid.clearSelection(), { class: "quiet" }));
  }

  // Deleting

  async function remove() {
    const samples = await attempt(collect);
    if (!samples?.length) return;
    const files = check("delete their files as well", {});
    const isFile = kind.unit !== "text" && kind.unit !== "row";
    formDialog(`Delete ${count(samples.length)} samples?`, "Delete", [
      h("p", {}, "They leave the dataset. Ctrl+Z brings them back, with their labels."), isFile ? files.element : null,
    ], async () => {
      await deleted(samples, files.input.checked);
      grid.clearSelection();
      refresh();
    });
  }

  /** @param {Sample[]} samples @param {boolean} withFiles */
  async function deleted(samples, withFiles) {
    const kept = new Map();
    const states = samples.map((sample) => ({ sample, state: workspace.view(sample) }));
    // What is deleted with its file has to be kept here, to be brought back.
    if (withFiles) for (const sample of samples) kept.set(sample.sample_id, await read(pathOf(sample)));
    const ids = samples.map((sample) => sample.sample_id);
    await removeAll(context.id, ids, withFiles);
    workspace.history.push({
      title: `Delete ${samples.length} samples`, steps: [],
      undo: async () => { await restore(states, kept); refresh(); },
      redo: async () => { await removeAll(context.id, ids, withFiles); refresh(); },
    });
    note(`${count(ids.length)} deleted. Ctrl+Z brings them back.`);
  }

  /**
   * Bring samples back: their objects are written again, which makes them samples of the dataset again.
   * @param {Array<{sample: Sample, state: State}>} states
   * @param {Map<string, Blob>} kept
   */
  async function restore(states, kept) {
    const paths = new Map(states.map(({ sample }) => [pathOf(sample), sample]));
    for (const [path, sample] of paths) await put(path, kept.get(sample.sample_id) ?? (await read(path)));
    await api("POST", `/${context.id}/sync-data`, {});
    for (const { sample } of states) await there(sample.sample_id);
    workspace.saver.change(states.map(({ sample, state }) => ({ id: sample.sample_id, from: { labels: [], metadata: {} }, to: state })));
    await workspace.saver.whenIdle();
    note(`${count(states.length)} are back.`);
  }

  /** Wait until a sample is in the dataset. @param {string} id */
  async function there(id) {
    for (let tries = 0; ; tries += 1) {
      try {
        await api("GET", `/${context.id}/data-annotations/samples/${id}`);
        return;
      } catch (error) {
        if (tries >= 100) throw error;
        await new Promise((resume) => { setTimeout(resume, 50); });
      }
    }
  }

  /** Label by a key: the selected samples, or the one that the keys are at. @param {Label} label */
  async function key(label) {
    if (kind.tool !== "classes") return;
    if (grid.selection.size(grid.total)) {
      await give(label);
      return;
    }
    const sample = grid.at(grid.focus);
    if (!sample) return;
    const state = workspace.view(sample);
    workspace.edit(`Label ${label.name}`, [{ sample, to: { ...state, labels: toggled(state.labels, { name: label.name, type: label.type ?? kind.label }) } }]);
  }

  return { element, update, key, remove };
}

/** @param {Sample} sample */
const pathOf = (sample) => `${/** @type {any} */ (sample).sample_dir}${sample.sample_name}`;

/** @param {string} id @param {string[]} ids @param {boolean} withFiles */
async function removeAll(id, ids, withFiles) {
  for (let start = 0; start < ids.length; start += MOST_IN_CALL) {
    requireAll(await api("POST", `/${id}/data-annotations/samples/delete`, { body: { samples: ids.slice(start, start + MOST_IN_CALL), delete_source: withFiles } }));
  }
}

