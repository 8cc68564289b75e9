// One dataset: its head, and a tab for each side of it.

import { formDialog } from "../core/dialog.js";
import { button, count, debounced, field, h, show, turns } from "../core/dom.js";
import { api } from "../core/http.js";
import { attempt, clearNotes, note } from "../core/notes.js";
import { Workspace } from "../label/workspace.js";
import { STATUS, typeOf } from "../model/types.js";
import { labelsTab } from "./labels.js";
import { publishDialog } from "./publish.js";
import { samplesTab } from "./samples.js";
import { statisticsTab } from "./statistics.js";
import { tasksTab } from "./tasks.js";
import { teamTasksTab } from "./team-tasks.js";
import { versionsTab } from "./versions.js";

/** @typedef {import("../core/wire.js").Context & {workspace: Workspace}} OpenDataset */
/** @typedef {{changed?: () => void, leave?: () => void} | undefined} Tab */

/** @type {Object<string, (target: HTMLElement, context: OpenDataset) => Tab>} */
const TABS = { samples: samplesTab, labels: labelsTab, statistics: statisticsTab, versions: versionsTab, tasks: tasksTab, team: teamTasksTab };

/** @param {HTMLElement} target @param {string} id @param {string} name */
export function datasetPage(target, id, name) {
  const head = h("div.bar.head", {}, h("h1", {}, "…"));
  const tabs = h("nav.tabs", { "aria-label": "Of the dataset" });
  const body = h("div.tab", {});
  show(target, head, tabs, body);
  const context = /** @type {OpenDataset} */ (/** @type {unknown} */ ({ id, dataset: {}, labels: [], reload }));
  context.workspace = new Workspace(context);
  const turn = turns();
  /** @type {Tab} */
  let tab;
  const soon = debounced(async () => { if (await reload()) tab?.changed?.(); }, 150);

  /** @type {Promise<boolean>} */
  let reloading;
  function reload() {
    reloading = reloadOnce(turn());
    return reloading;
  }

  /** @param {() => boolean} isLatest @returns {Promise<boolean>} */
  async function reloadOnce(isLatest) {
    const dataset = await attempt(() => api("GET", `/${id}`));
    if (!dataset) return false;
    const labels = await attempt(() => api("GET", `/${id}/data-annotations/labels`));
    if (!isLatest()) return reloading;
    context.dataset = dataset;
    // The same list as before stays the same, with all that hangs on it.
    const known = labels?.labels ?? [];
    if (JSON.stringify(known) !== JSON.stringify(context.labels)) context.labels = known;
    drawHead();
    return true;
  }

  function drawHead() {
    const { dataset } = context;
    const { status } = dataset;
    show(head,
      h("a.back", { href: "#/datasets", "aria-label": "All datasets" }, "‹"), h("h1", {}, dataset.dataset_name),
      button("✎", rename, { class: "quiet", "aria-label": "Rename", title: "Rename or describe" }),
      h("span.tag", {}, typeOf(dataset.dataset_type).name),
      h(status === 1 ? "span.tag.good" : status === 4 ? "span.tag.bad" : "span.tag.busy", { id: "status" }, STATUS[status] ?? status),
      h("span.faint.counts", {}, `${count(dataset.total_sample_count)} samples, ${count(dataset.annotated_sample_count)} labelled${dataset.unconfirmed_sample_count ? `, ${count(dataset.unconfirmed_sample_count)} to confirm` : ""}`),
      h("progress.running.thin", { class: status === 1 || status === 4 ? "hidden-keep" : "", "aria-label": STATUS[status] ?? "working" }),
      h("span.spring", {}),
      button("Synchronize", synchronize, { title: "Compare the folder with the dataset" }),
      button("Publish", () => publishDialog(context), { class: "main" }));
    document.title = `${dataset.dataset_name} – ModelArts emulator`;
  }

  async function synchronize() {
    const done = await attempt(async () => { await api("POST", `/${id}/sync-data`); return true; });
    if (done) note("The folder is being compared with the dataset.");
  }

  function rename() {
    const title = h("input", { value: context.dataset.dataset_name, required: true, pattern: "[A-Za-z0-9_\\-]{1,100}" });
    const description = h("textarea", { rows: 3, maxlength: 256, value: context.dataset.description ?? "" });
    formDialog("Rename", "Save", [field("Name", title, "letters, digits, _ and -"), field("Description", description)], async () => {
      await api("PUT", `/${id}`, { body: { dataset_name: title.value, description: description.value } });
      await reload();
    });
  }

  function missing() {
    show(target, h("div.empty", {}, h("h1", {}, "There is no such dataset"),
      h("p", {}, "It may have been deleted, or it belongs to another project."), h("p", {}, h("code", {}, id)),
      h("p", {}, h("a", { href: "#/datasets" }, "To all datasets"))));
  }

  (async () => {
    if (!(await reload())) {
      clearNotes();
      missing();
      return;
    }
    show(tabs, Object.keys(TABS).map((each) => h("a", { href: `#/datasets/${id}/${each}`, "aria-current": each === name ? "page" : null }, each)));
    tab = (TABS[name] ?? samplesTab)(body, context);
  })();

  /** @param {BeforeUnloadEvent} event */
  const warn = (event) => { if (context.workspace.saver.pending) event.preventDefault(); };
  addEventListener("beforeunload", warn);

  return {
    /** @param {string} kind @param {any} data */
    onEvent(kind, data) {
      if (kind !== "dataset" || data.dataset_id !== id) return;
      if (data.change === "deleted") missing();
      else soon();
    },
    leave() {
      soon.cancel();
      removeEventListener("beforeunload", warn);
      tab?.leave?.();
    },
  };
}
