// Synchronization, imports and exports of a dataset, with how far they are.

import { callLine } from "../core/call-line.js";
import { formDialog } from "../core/dialog.js";
import { button, check, count, field, h, select, show, table, time } from "../core/dom.js";
import { api, apiUrl } from "../core/http.js";
import { attempt, note } from "../core/notes.js";
import { typeOf } from "../model/types.js";
import { folderField } from "./folders.js";

/** @typedef {import("../core/wire.js").Json} Json */

const ENDED = new Set(["COMPLETED", "FAILED", "SUCCESSED", "NOT_EXIST"]);

/** @param {HTMLElement} target @param {import("./dataset.js").OpenDataset} context */
export function tasksTab(target, context) {
  const { id } = context;
  const body = h("div", {});
  show(target,
    h("div.bar", {}, button("Import", () => importDialog(context, load), { class: "main" }), button("Export", () => exportDialog(context, load), { class: "main" })), body);

  async function load() {
    const [sync, imports, exports] = await Promise.all([
      attempt(() => api("GET", `/${id}/sync-data/status`)),
      attempt(() => api("GET", `/${id}/import-tasks`, { parameters: { limit: 50 } })),
      attempt(() => api("GET", `/${id}/export-tasks`, { parameters: { limit: 50 } })),
    ]);
    const rows = [
      ...(sync && sync.status !== "NOT_EXIST" ? [{ kind: "synchronization", ...sync, what: `${count(sync.add_sample_count)} added, ${count(sync.deleted_sample_count)} removed`, done: 0, total: 0 }] : []),
      ...(imports?.import_tasks ?? []).map((/** @type {Json} */ task) => ({ kind: "import", ...task, what: task.import_path, done: task.imported_sample_count, total: task.total_sample_count })),
      ...(exports?.export_tasks ?? []).map((/** @type {Json} */ task) => ({ kind: "export", ...task, what: task.path ?? task.export_params?.export_new_dataset_name, done: task.finished_sample_count, total: task.total_sample_count })),
    ];
    show(body, rows.length ? table(["Task", "State", "Begun", "What", "How far"], rows.map(row))
      : h("div.empty", {}, h("p", {}, "Nothing has run yet."), h("p.faint", {}, "Import a folder or manifest, or export labels and files to a bucket.")));
  }

  /** @param {Json} task */
  function row({ kind, status, create_time, what, error_msg, total, done }) {
    return h("tr", {}, h("th", { scope: "row" }, kind),
      h("td", {}, h(status === "FAILED" ? "span.tag.bad" : ENDED.has(status) ? "span.tag.good" : "span.tag.busy", {}, status)),
      h("td", {}, time(create_time)), h("td", {}, what, error_msg ? h("small.bad", {}, error_msg) : null),
      h("td", {}, total ? [h("progress.thin", { max: total, value: done ?? 0, "aria-label": "done" }), ` ${count(done)} of ${count(total)}`] : ENDED.has(status) ? "" : h("progress.thin.running", { "aria-label": "working" })));
  }

  load();
  return { changed: load };
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
