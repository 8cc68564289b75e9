// Synchronization, imports and exports of a dataset, with how far they are.

import { callLine } from "../core/call-line.js";
import { formDialog } from "../core/dialog.js";
import { button, check, count, field, h, select, show, table, time } from "../core/dom.js";
import { api, apiUrl } from "../core/http.js";
import { attempt, note } from "../core/notes.js";
import { typeOf } from "../model/types.js";
import { folderField } from "./folders.js";

/** @typedef {import("../core/wire.js").Json} Json */

const ENDED = new Set(["COMPLETED", "FAILED", "SUCCESSED", "NOT_EXIST", "STOPPED"]);
const MODEL_TYPES = new Set([0, 1]);
/** The intelligent tasks: value, number in answers, and name. @type {Array<[string, number, string]>} */
const MODEL_TASKS = [["pre-label", 1, "pre-labelling"], ["auto-label", 0, "auto labelling"], ["auto-grouping", 7, "auto grouping"]];
/** The states of an intelligent task, from -1 on. */
const MODEL_STATES = ["QUEUING", "INIT", "RUNNING", "FAILED", "COMPLETED", "STOPPING", "STOPPED"];

/** @param {HTMLElement} target @param {import("./dataset.js").OpenDataset} context */
export function tasksTab(target, context) {
  const { id } = context;
  const body = h("div", {});
  show(target,
    h("div.bar", {}, button("Import", () => importDialog(context, load), { class: "main" }), button("Export", () => exportDialog(context, load), { class: "main" }),
      MODEL_TYPES.has(context.dataset.dataset_type) ? button("Label automatically", () => modelDialog(context, load)) : null), body);

  async function load() {
    const [sync, imports, exports] = await Promise.all([
      attempt(() => api("GET", `/${id}/sync-data/status`)),
      attempt(() => api("GET", `/${id}/import-tasks`, { parameters: { limit: 50 } })),
      attempt(() => api("GET", `/${id}/export-tasks`, { parameters: { limit: 50 } })),
    ]);
    const models = MODEL_TYPES.has(context.dataset.dataset_type) ? await Promise.all([undefined, "auto-grouping"].map((type) => attempt(() => api("GET", `/${id}/tasks`, { parameters: { limit: 50, type } })))) : [];
    const rows = [
      ...(sync && sync.status !== "NOT_EXIST" ? [{ kind: "synchronization", ...sync, what: `${count(sync.add_sample_count)} added, ${count(sync.deleted_sample_count)} removed`, done: 0, total: 0 }] : []),
      ...(imports?.import_tasks ?? []).map((/** @type {Json} */ task) => ({ kind: "import", ...task, what: task.import_path, done: task.imported_sample_count, total: task.total_sample_count })),
      ...(exports?.export_tasks ?? []).map((/** @type {Json} */ task) => ({ kind: "export", ...task, what: task.path ?? task.export_params?.export_new_dataset_name, done: task.finished_sample_count, total: task.total_sample_count })),
      ...models.flatMap((found) => found?.tasks ?? []).map(modelRow),
    ];
    show(body, rows.length ? table(["Task", "State", "Begun", "What", "How far"], rows.map(row))
      : h("div.empty", {}, h("p", {}, "Nothing has run yet."), h("p.faint", {}, "Import a folder or manifest, or export labels and files to a bucket.")));
  }

  /** @param {Json} task An intelligent task */
  function modelRow(task) {
    const status = MODEL_STATES[task.status + 1] ?? String(task.status);
    const made = task.create_time ? Date.parse(`${task.create_time.replace(" ", "T")}Z`) : undefined;
    return {
      ...task, kind: MODEL_TASKS.find(([, number]) => number === task.type)?.[2] ?? "model", status, create_time: made, what: task.message,
      done: task.annotated_sample_count, total: task.total_sample_count, stop: ENDED.has(status) ? null : () => stop(task.task_id),
    };
  }

  /** @param {Json} task */
  function row({ kind, status, create_time, what, error_msg, total, done, stop: end }) {
    return h("tr", {}, h("th", { scope: "row" }, kind),
      h("td", {}, h(status === "FAILED" ? "span.tag.bad" : ENDED.has(status) ? "span.tag.good" : "span.tag.busy", {}, status)),
      h("td", {}, time(create_time)), h("td", {}, what, error_msg ? h("small.bad", {}, error_msg) : null),
      h("td", {}, total ? [h("progress.thin", { max: total, value: done ?? 0, "aria-label": "done" }), ` ${count(done)} of ${count(total)}`, end ? button("Stop", end, { class: "quiet" }) : null] : ENDED.has(status) ? "" : h("progress.thin.running", { "aria-label": "working" })));
  }

  /** @param {string} taskId */
  async function stop(taskId) {
    await attempt(() => api("POST", `/${id}/tasks/${taskId}/stop`));
    load();
  }

  load();
  return { changed: load };
}

/** @param {import("./dataset.js").OpenDataset} context @param {() => void} done */
function modelDialog({ id }, done) {
  const kind = select({}, MODEL_TASKS.map(([value, , name]) => [value, name]), "pre-label");
  const hard = check("mark hard examples", { checked: true });
  const body = () => ({ task_type: kind.value, collect_key_sample: hard.input.checked });
  const call = callLine(() => ({ method: "POST", url: apiUrl(`/${id}/tasks`), body: body() }));
  const box = formDialog("Label automatically", "Start", [
    field("Task", kind), hard.element,
    h("p.faint", {}, "No model runs: a script says what it finds, see Control API, inference. The labels wait to be confirmed: filter the samples by “to confirm”, then accept (y) or refuse (x) each."), call.element,
  ], async () => {
    await api("POST", `/${id}/tasks`, { body: body() });
    note("The task has begun.");
    done();
  });
  box.addEventListener("input", call.update);
}

/** @param {import("./dataset.js").OpenDataset} context @param {() => void} done */
function importDialog({ id, dataset }, done) {
  const kind = select({}, [["dir", "a folder"], ["manifest", "a manifest"]], "dir");
  const path = folderField("Path", "/bucket/folder/, or the path of a manifest");
  const format = select({}, [["", "what the files say"], ["VOC", "PASCAL VOC"], ["COCO", "COCO"]], "");
  const annotations = check("labels as well as files", { checked: true });
  const samples = check("files that are new, as samples", { checked: true });
  const final = check("labels are final; else they are to be confirmed", { checked: true });
  const difficult = check("only hard examples", {});
  const call = callLine(() => ({ method: "POST", url: apiUrl(`/${id}/import-tasks`), body: body() }));
  const isDetection = typeOf(dataset.dataset_type).label === 1;

  function body() {
    return {
      import_path: path.input.value, import_type: kind.value, ...(format.value ? { annotation_format: format.value } : {}),
      ...(annotations.input.checked ? {} : { import_annotations: false }), ...(samples.input.checked ? {} : { import_samples: false }),
      ...(final.input.checked ? {} : { final_annotation: false }), ...(difficult.input.checked ? { difficult_only: true } : {}),
    };
  }

  const box = formDialog("Import", "Import", [
    field("What", kind), path.element, isDetection ? field("Format of the labels", format) : null, annotations.element, samples.element, final.element, difficult.element,
    h("p.faint", {}, "Files of your own machine: drop them on the grid of samples."), call.element,
  ], async () => {
    await api("POST", `/${id}/import-tasks`, { body: body() });
    note("The import has begun.");
    done();
  });
  box.addEventListener("input", call.update);
}

/** @param {import("./dataset.js").OpenDataset} context @param {() => void} done */
function exportDialog({ id, dataset }, done) {
  const target = select({}, [["DIR", "a folder"], ["NEW_DATASET", "a new dataset"]], "DIR");
  const path = folderField("Folder", "where to", { value: `${dataset.work_path.replace(/[^/]*\/?$/, "")}export-${dataset.dataset_name}/` });
  const name = h("input", { pattern: "[A-Za-z0-9_\\-]{1,100}", autocomplete: "off" });
  const layout = select({}, [["2", "files and labels side by side"], ["1", "a folder each label"]], "2");
  const format = select({}, [["", "of the dataset"], ["VOC", "PASCAL VOC"], ["COCO", "COCO"]], "");
  const state = select({}, [["", "every sample"], ["ALL", "labelled samples"], ["NONE", "unlabelled samples"]], "");
  const options = h("div", {});
  const call = callLine(() => ({ method: "POST", url: apiUrl(`/${id}/export-tasks`), body: body() }));
  const isDetection = typeOf(dataset.dataset_type).label === 1;

  function body() {
    const toDataset = target.value === "NEW_DATASET";
    const sample_state = state.value ? { sample_state: state.value } : {};
    if (toDataset) return { export_type: 3, export_params: { export_dest: "NEW_DATASET", export_new_dataset_name: name.value, export_new_dataset_work_path: path.input.value, ...sample_state } };
    return { path: path.input.value, export_type: 2, export_format: Number(layout.value), ...(format.value ? { annotation_format: format.value } : {}), ...sample_state };
  }

  function shown() {
    const toDataset = target.value === "NEW_DATASET";
    show(options, toDataset ? field("Name of the dataset", name) : [field("Layout", layout), isDetection ? field("Format of the labels", format) : null]);
    name.required = toDataset;
    call.update();
  }

  const box = formDialog("Export", "Export", [field("To", target), path.element, field("Which", state), options, call.element], async () => {
    await api("POST", `/${id}/export-tasks`, { body: body() });
    note("The export has begun.");
    done();
  });
  target.addEventListener("change", shown);
  box.addEventListener("input", call.update);
  shown();
}
