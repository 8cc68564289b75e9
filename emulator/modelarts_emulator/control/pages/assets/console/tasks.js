// Synchronization, imports and exports of a dataset, with how far they are.

import { api } from "./api.js";
import { attempt, count, dialog, field, h, note, select, show, time } from "./dom.js";
import { pickFolder } from "./folders.js";

const ENDED = new Set(["COMPLETED", "FAILED", "SUCCESSED", "NOT_EXIST"]);

export function tasksTab(target, context) {
  const { id } = context;

  async function load() {
    const [sync, imports, exports] = await Promise.all([
      attempt(() => api("GET", `/${id}/sync-data/status`)),
      attempt(() => api("GET", `/${id}/import-tasks`, { parameters: { limit: 50 } })),
      attempt(() => api("GET", `/${id}/export-tasks`, { parameters: { limit: 50 } })),
    ]);
    const rows = [
      ...(sync && sync.status !== "NOT_EXIST" ? [["synchronization", sync.status, sync.create_time, `${count(sync.add_sample_count)} added, ${count(sync.deleted_sample_count)} removed`, 0, 0, sync.error_msg]] : []),
      ...(imports?.import_tasks ?? []).map((task) => ["import", task.status, task.create_time, task.import_path, task.imported_sample_count, task.total_sample_count, task.error_msg]),
      ...(exports?.export_tasks ?? []).map((task) => ["export", task.status, task.create_time, task.path, task.finished_sample_count, task.total_sample_count, task.error_msg]),
    ];
    show(target,
      h("div.bar", {}, h("button", { type: "button", onclick: () => begin("Import", "import-tasks", (path) => ({ import_path: path, import_type: "dir" })) }, "Import a folder"),
        h("button", { type: "button", onclick: () => begin("Export", "export-tasks", (path, format) => ({ path, export_type: 2, export_format: Number(format) }), [[2, "side by side"], [1, "a folder a label"]]) }, "Export")),
      h("table", {}, h("thead", {}, h("tr", {}, ["Task", "State", "Begun", "What", "How far"].map((each) => h("th", { scope: "col" }, each)))),
        h("tbody", {}, rows.map(([kind, state, begun, what, done, total, error]) => h("tr", {},
          h("th", { scope: "row" }, kind),
          h("td", {}, h(state === "FAILED" ? "span.tag.bad" : ENDED.has(state) ? "span.tag.good" : "span.tag.busy", {}, state)),
          h("td", {}, time(begun)), h("td", {}, what, error ? h("small.bad", {}, error) : null),
          h("td", {}, total ? [h("progress", { max: total, value: done ?? 0, "aria-label": "done" }), ` ${count(done)} of ${count(total)}`] : ENDED.has(state) ? "" : h("progress", { "aria-label": "working" })))))),
      rows.length ? null : h("p.empty", {}, "Nothing has run yet."));
  }

  function begin(title, path, body, formats) {
    dialog(title, (close) => {
      const folder = h("input", { required: true, placeholder: "/bucket/folder/" });
      const format = formats ? select({}, formats, formats[0][0]) : null;
      const submit = async (event) => {
        event.preventDefault();
        const done = await attempt(() => api("POST", `/${id}/${path}`, { body: body(folder.value, format?.value) }));
        if (!done) return;
        close();
        note(`${title} has begun.`);
        load();
      };
      return h("form", { onsubmit: submit },
        field("Folder", h("span.row", {}, folder, h("button", { type: "button", "aria-label": "Choose the folder", onclick: () => pickFolder((chosen) => { folder.value = chosen; }) }, "…"))),
        format ? field("Layout", format) : null, h("div.buttons", {}, h("button.main", {}, title)));
    });
  }

  load();
  return { changed: load };
}
