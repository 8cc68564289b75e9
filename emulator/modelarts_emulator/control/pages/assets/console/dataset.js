// One dataset: its head, and a tab for each way to look at it.

import { api } from "./api.js";
import { attempt, count, h, note, show } from "./dom.js";
import { labelsTab } from "./labels.js";
import { samplesTab } from "./samples.js";
import { statisticsTab } from "./statistics.js";
import { tasksTab } from "./tasks.js";
import { STATUS, typeOf } from "./types.js";
import { versionsTab } from "./versions.js";

const TABS = { samples: samplesTab, labels: labelsTab, statistics: statisticsTab, versions: versionsTab, tasks: tasksTab };

export function datasetPage(target, id, name) {
  const head = h("div.bar", {});
  const tabs = h("nav.tabs", { "aria-label": "Of the dataset" });
  const body = h("div.tab", {});
  show(target, head, tabs, body);
  const context = { id, dataset: null, labels: [], reload };
  let tab = null;
  let waiting = 0;

  async function reload() {
    const dataset = await attempt(() => api("GET", `/${id}`));
    if (!dataset) return false;
    context.dataset = dataset;
    context.labels = (await attempt(() => api("GET", `/${id}/data-annotations/labels`)))?.labels ?? [];
    const { status } = dataset;
    show(head,
      h("a.back", { href: "#/datasets", "aria-label": "All datasets" }, "‹"), h("h1", {}, dataset.dataset_name),
      h("span.tag", {}, typeOf(dataset.dataset_type).name),
      h(status === 1 ? "span.tag.good" : "span.tag.busy", { id: "status" }, STATUS[status] ?? status),
      h("span.faint", {}, `${count(dataset.total_sample_count)} samples, ${count(dataset.annotated_sample_count)} labelled, ${count(dataset.unconfirmed_sample_count)} to confirm`),
      h("span.spring", {}),
      status === 1 ? null : h("progress.running", { "aria-label": STATUS[status] ?? "working" }),
      h("button", { type: "button", onclick: () => attempt(async () => {
        await api("POST", `/${id}/sync-data`);
        note("The folder is looked at.");
      }) }, "Synchronize"),
      h("button.main", { type: "button", onclick: () => attempt(async () => {
        await api("POST", `/${id}/versions`, { body: {} });
        note("A version is being published.");
      }) }, "Publish"));
    return true;
  }

  (async () => {
    if (!(await reload())) return;
    show(tabs, Object.keys(TABS).map((each) => h("a", { href: `#/datasets/${id}/${each}`, "aria-current": each === name ? "page" : null }, each)));
    tab = (TABS[name] ?? samplesTab)(body, context);
  })();

  return {
    onEvent(kind, data) {
      if (kind !== "dataset" || data.dataset_id !== id) return;
      clearTimeout(waiting);
      waiting = setTimeout(async () => {
        if (await reload()) tab?.changed?.();
      }, 120);
    },
    leave() {
      clearTimeout(waiting);
      tab?.leave?.();
    },
  };
}
