// The samples of a dataset: filtered, seen in a grid, selected, uploaded, opened.

import { button, count, debounced, h, isTyping, select, show } from "../core/dom.js";
import { api } from "../core/http.js";
import { attempt, note } from "../core/notes.js";
import { Editor } from "../label/editor.js";
import { shortcutSheet } from "../label/keys.js";
import { sampleParameters } from "../model/search.js";
import { stamp } from "../model/saver.js";
import { typeOf } from "../model/types.js";
import { Walk } from "../model/walk.js";
import { bulkActions } from "./bulk.js";
import { Grid, PAGE } from "./grid.js";
import { acceptedOf, upload } from "./upload.js";

/** @typedef {import("../core/wire.js").Sample} Sample */
/** @typedef {import("./dataset.js").OpenDataset} OpenDataset */

const STATES = [["", "every state"], ["ALL", "labelled"], ["NONE", "unlabelled"], ["AUTO_ANNOTATION", "to be confirmed"]];
const MOST_OPTIONS = 300;

/** @param {HTMLElement} target @param {OpenDataset} context */
export function samplesTab(target, context) {
  const { id, dataset, workspace } = context;
  const type = dataset.dataset_type;
  const { unit } = typeOf(type);
  const state = select({ "aria-label": "State", onchange: restart }, STATES, "");
  const label = labelFilter();
  const name = h("input", { type: "search", placeholder: "Name", "aria-label": "Name", oninput: debounced(restart, 200) });
  const hard = select({ "aria-label": "Hard examples", onchange: restart }, [["", "hard or not"], ["1", "hard"], ["0", "not hard"]], "");
  const order = select({ "aria-label": "Order", onchange: restart }, [["desc", "newest first"], ["asc", "oldest first"]], "desc");
  const found = h("span.faint.found", { role: "status" });
  const progress = h("progress.thin", { hidden: true, "aria-label": "uploading" });
  const files = h("input", { type: "file", multiple: true, class: "hidden", tabindex: "-1", "aria-label": "Files", accept: acceptedOf(type), onchange: () => { send([...(files.files ?? [])]); files.value = ""; } });
  const empty = h("div.empty", { hidden: true });
  /** @type {Editor | null} */
  let editor = null;

  const grid = new Grid(context, workspace, {
    fetchPage: (number) => attempt(() => page(number, filter())), onOpen: open, onSelect: () => bulk.update(), onTotal: counted,
  });
  const bulk = bulkActions(grid, workspace, () => grid.refresh());
  const view = h("div.grid-frame", {}, grid.element, empty);
  show(target,
    h("div.bar.filters", {}, state, label, name, typeOf(type).tool ? hard : null, order, found, h("span.spring", {}),
      button("Undo", undo, { title: "Ctrl+Z" }), button("Upload", () => files.click()), files),
    progress, view, bulk.element);
  bulk.update();

  /** A list of all labels as a select or, where they are many, as an input that completes. */
  function labelFilter() {
    const names = workspace.labels.map((each) => each.name ?? "");
    if (names.length <= MOST_OPTIONS) return select({ "aria-label": "Label", onchange: restart }, [["", "every label"], ...names.map((each) => [each, each])], "");
    return h("input", { "aria-label": "Label", type: "search", placeholder: `one of ${count(names.length)} labels`, list: "label-names", onchange: restart },
      h("datalist", { id: "label-names" }, names.map((each) => h("option", { value: each }))));
  }

  function filter() {
    return sampleParameters({ state: state.value, label: label.value, name: name.value, hard: hard.value, order: order.value });
  }

  /** @param {number} number @param {Object<string, any>} parameters */
  async function page(number, parameters) {
    const asked = performance.now();
    const answer = await api("GET", `/${id}/data-annotations/samples`, {
      parameters: { limit: PAGE, offset: number, ...parameters, preview: unit === "picture" || unit === "video" ? true : undefined },
    });
    /** @type {Sample[]} */
    const samples = answer.samples ?? [];
    stamp(samples, asked);
    return { samples, total: answer.sample_count ?? 0 };
  }

  /** @param {number} total */
  function counted(total) {
    found.textContent = `${count(total)} ${total === 1 ? "sample" : "samples"}`;
    const isFiltered = Object.entries(filter()).some(([member, value]) => member !== "order" && value);
    empty.hidden = total > 0;
    grid.element.classList.toggle("none", total === 0);
    show(empty, isFiltered
      ? [h("p", {}, "No sample matches the filter."), button("Clear the filter", clear)]
      : [h("p", {}, "There are no samples yet."), h("p.faint", {}, `Drop files here${acceptedOf(type) ? ` (${acceptedOf(type).replaceAll(",", ", ")})` : ""}, or put them into ${(dataset.data_sources ?? []).map((/** @type {any} */ each) => each.data_path).join(", ")}.`), button("Upload files", () => files.click(), { class: "main" })]);
    bulk.update();
  }

  function clear() {
    state.value = label.value = name.value = hard.value = "";
    restart();
  }

  function restart() {
    grid.restart();
  }

  /** @param {number} place */
  async function open(place) {
    const parameters = filter();
    await grid.load(Math.floor(place / PAGE));
    const known = grid.pages.get(Math.floor(place / PAGE));
    if (!known?.length || editor) return;
    const walk = new Walk((number) => page(number, parameters), PAGE);
    await walk.begin(place, { samples: known, total: grid.total });
    if (!walk.current) return;
    editor = new Editor(context, workspace, walk);
    editor.element?.addEventListener("close", () => closed(walk));
  }

  /** @param {Walk} walk */
  function closed(walk) {
    editor = null;
    const last = walk.current?.sample_id;
    const place = last ? grid.placeOf(last) : -1;
    grid.focusAt(place >= 0 ? place : Math.min(walk.place, grid.total - 1));
    workspace.saver.whenIdle().then(() => grid.refresh());
  }

  async function undo() {
    const entry = await attempt(() => workspace.undo());
    note(entry ? `Undone: ${entry.title}` : "There is nothing to undo.");
  }

  async function redo() {
    const entry = await attempt(() => workspace.redo());
    note(entry ? `Done again: ${entry.title}` : "There is nothing to redo.");
  }

  /** @param {File[]} chosen */
  async function send(chosen) {
    if (!chosen.length) return;
    await upload(id, chosen, progress);
    grid.refresh();
  }

  /** @type {import("../label/keys.js").Command[]} */
  const commands = [
    { keys: ["ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown"], text: "Move between samples", group: "Grid", run: () => false },
    { keys: ["Enter"], text: "Open the sample", group: "Grid", run: () => false },
    { keys: [" ", "Shift+ArrowRight"], text: "Select", group: "Grid", run: () => false },
    { keys: ["Ctrl+a"], text: "Select all that the filter finds", group: "Grid", run: () => false },
    { keys: ["Delete"], text: "Delete the selected samples", group: "Grid", run: () => (grid.selection.size(grid.total) ? bulk.remove() : false) },
    { keys: ["Ctrl+z"], text: "Undo", group: "Grid", run: undo },
    { keys: ["Ctrl+Shift+z", "Ctrl+y"], text: "Redo", group: "Grid", run: redo },
    { keys: ["?"], text: "This sheet", group: "Grid", run: () => shortcutSheet(commands, workspace.labels.flatMap((each) => (workspace.shortcuts.keyOf(each) ? [{ key: workspace.shortcuts.keyOf(each), name: each.name ?? "" }] : []))) },
  ];

  /** @param {KeyboardEvent} event */
  function keydown(event) {
    if (editor || event.defaultPrevented || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const isCommand = event.ctrlKey || event.metaKey;
    const chosen = isCommand || event.altKey || !grid.hasFocus ? undefined : (workspace.labels, workspace.shortcuts.labelOf(event.key));
    const key = `${isCommand ? "Ctrl+" : ""}${isCommand && event.shiftKey ? "Shift+" : ""}${isCommand ? event.key.toLowerCase() : event.key}`;
    const command = commands.find((each) => each.keys.includes(key));
    if (chosen && typeOf(type).tool === "classes") bulk.key(chosen);
    else if (!command || command.run() === false) return;
    event.preventDefault();
  }

  document.addEventListener("keydown", keydown);
  view.addEventListener("dragover", (event) => { event.preventDefault(); view.classList.add("over"); });
  view.addEventListener("dragleave", () => view.classList.remove("over"));
  view.addEventListener("drop", (event) => {
    event.preventDefault();
    view.classList.remove("over");
    send([...(event.dataTransfer?.files ?? [])]);
  });
  restart();
  return {
    changed: () => {
      if (editor) editor.refresh();
      else if (!workspace.saver.pending) grid.refresh();
    },
    leave: () => {
      document.removeEventListener("keydown", keydown);
      editor?.close();
      grid.leave();
    },
  };
}
