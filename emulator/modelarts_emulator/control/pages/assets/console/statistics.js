// What a dataset has, in charts.

import { api } from "./api.js";
import { bars, lines } from "./charts.js";
import { attempt, h, show } from "./dom.js";
import { colourOf } from "./types.js";

const MONTH_MS = 30 * 24 * 3600 * 1000;

export function statisticsTab(target, context) {
  const { id } = context;

  async function load() {
    const stats = await attempt(() => api("GET", `/${id}/data-annotations/stats`));
    const parameters = { start_time: Date.now() - MONTH_MS, end_time: Date.now() };
    const metrics = (await attempt(() => api("GET", `/${id}/metrics`, { parameters })))?.metrics ?? {};
    if (!stats) return;
    const states = stats.sample_stats ?? {};
    const keys = stats.key_sample_stats ?? {};
    show(target, h("div.charts", {},
      bars("Samples by state", [["labelled", states.manual_annotation ?? 0], ["unlabelled", states.un_annotation ?? 0], ["to be confirmed", states.auto_annotation ?? 0], ["deleted", states.deleted ?? 0]]),
      bars("Samples by label", (stats.label_stats ?? []).map((each) => [each.name, each.sample_count, colourOf(each, context.labels)])),
      bars("Hard examples", [["hard", keys.key_sample ?? 0], ["others", keys.non_key_sample ?? 0]]),
      await split(),
      lines("Over time", [["samples", metrics.total ?? {}, "#2f7de1"], ["labelled", metrics.manual_annotation ?? {}, "#2a9d5c"]])));
  }

  // How the current version parts its samples.
  async function split() {
    const current = context.dataset.current_version_id;
    if (!current) return h("figure.chart", {}, h("figcaption", {}, "Split"), h("p.faint", {}, "no version yet"));
    const version = await attempt(() => api("GET", `/${id}/versions/${current}`));
    const ratio = Number(version?.train_evaluate_sample_ratio ?? 1);
    return bars(`Split of ${version?.version_name ?? ""}, in percent`, [["training", Math.round(ratio * 100)], ["evaluation", Math.round((1 - ratio) * 100)]]);
  }

  load();
  return { changed: load };
}
