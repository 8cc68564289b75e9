// What a dataset has, in charts.

import { api } from "../core/http.js";
import { bars, lines } from "../core/charts.js";
import { h, show } from "../core/dom.js";
import { attempt } from "../core/notes.js";
import { colourOf } from "../model/colours.js";

const MOST_LABELS = 100;
const MONTH_MS = 30 * 24 * 3600 * 1000;

/** @typedef {import("../core/wire.js").Json} Json */

/** @param {HTMLElement} target @param {import("./dataset.js").OpenDataset} context */
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
      bars("Samples by label", (stats.label_stats ?? []).slice(0, MOST_LABELS).map((/** @type {Json} */ each) => [each.name, each.sample_count, colourOf(each, context.labels)])),
      bars("Hard examples", [["hard", keys.key_sample ?? 0], ["others", keys.non_key_sample ?? 0]]),
      await split(),
      lines("Over time", [["samples", metrics.total ?? {}, "#2f7de1"], ["labelled", metrics.manual_annotation ?? {}, "#2a9d5c"]])));
  }

  /** How the current version divides its samples. */
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
