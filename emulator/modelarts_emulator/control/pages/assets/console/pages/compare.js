// Two versions side by side: their counts, and each sample that differs.

import { dialog } from "../core/dialog.js";
import { button, count, h, select, show, table } from "../core/dom.js";
import { api } from "../core/http.js";
import { preview } from "../label/content.js";
import { differences } from "../model/compare.js";

/** @typedef {import("../core/wire.js").Json} Json */
/** @typedef {import("../core/wire.js").Sample} Sample */
/** @typedef {import("../model/compare.js").Difference} Difference */

const PAGE = 100;
const SHOWN = 60;

/**
 * Open the comparison of two versions, older first.
 * @param {import("./dataset.js").OpenDataset} context
 * @param {Json[]} versions
 */
export function compareDialog(context, versions) {
  const [first, second] = [...versions].sort((one, other) => one.create_time - other.create_time);
  const progress = h("progress.thin", { "aria-label": "comparing" });
  const body = h("div.compare", {}, progress);
  let isOpen = true;
  const box = dialog(`${first.version_name} → ${second.version_name}`, () => body, "wide");
  box.addEventListener("close", () => { isOpen = false; });

  /** @param {Json} version @returns {Promise<Sample[]>} */
  async function samplesOf(version) {
    const samples = [];
    for (let number = 0; isOpen; number += 1) {
      const answer = await api("GET", `/${context.id}/data-annotations/samples`, { parameters: { version_id: version.version_id, limit: PAGE, offset: number, preview: true } });
      samples.push(...(answer.samples ?? []));
      progress.max = Math.max(1, answer.sample_count * 2);
      progress.value += answer.samples?.length ?? 0;
      if (samples.length >= answer.sample_count || !answer.samples?.length) break;
    }
    return samples;
  }

  (async () => {
    try {
      const before = await samplesOf(first);
      const after = await samplesOf(second);
      show(body, counts(first, second), found(differences(before, after)));
    } catch (error) {
      show(body, h("p.bad", { role: "alert" }, /** @type {Error} */ (error).message));
    }
  })();

  /** @param {Difference[]} all */
  function found(all) {
    const kind = select({ "aria-label": "Which", onchange: () => draw(SHOWN) }, [["", `all ${count(all.length)} differences`], ...["added", "deleted", "changed"].map((each) => [each, `${each}: ${count(all.filter((difference) => difference.kind === each).length)}`])], "");
    const list = h("ul.differences", {});
    const more = h("div.buttons", {});
    /** @param {number} most */
    function draw(most) {
      const wanted = all.filter((difference) => !kind.value || difference.kind === kind.value);
      show(list, wanted.slice(0, most).map(entry), wanted.length ? null : h("li.faint", {}, "No sample differs."));
      show(more, wanted.length > most ? button(`${count(wanted.length - most)} more`, () => draw(most + SHOWN * 4)) : null);
    }
    draw(SHOWN);
    return [h("div.bar", {}, h("h3", {}, "Sample by sample"), kind), list, more];
  }

  /** @param {Difference} difference */
  function entry({ sample, kind, gone, come }) {
    return h("li", { class: kind }, h("div.difference-picture", {}, preview(sample, context.dataset.dataset_type, sample.labels ?? [], context.labels)),
      h("div", {}, h("strong", {}, sample.sample_name || sample.sample_id), " ", h(kind === "added" ? "span.tag.good" : kind === "deleted" ? "span.tag.bad" : "span.tag.busy", {}, kind),
        h("ul.lines", {}, gone.map((text) => h("li.gone", {}, "− ", text)), come.map((text) => h("li.come", {}, "+ ", text)))));
  }
}

/** @param {Json} first @param {Json} second */
function counts(first, second) {
  /** @type {Array<[string, number, number]>} */
  const rows = [["samples", first.total_sample_count ?? 0, second.total_sample_count ?? 0], ["labelled", first.annotated_sample_count ?? 0, second.annotated_sample_count ?? 0]];
  const stats = (/** @type {Json} */ version) => new Map((version.label_stats ?? []).map((/** @type {Json} */ each) => [each.name, each.sample_count]));
  const [before, after] = [stats(first), stats(second)];
  for (const name of new Set([...before.keys(), ...after.keys()])) rows.push([String(name), before.get(name) ?? 0, after.get(name) ?? 0]);
  return table(["What", `#${first.version_name}`, `#${second.version_name}`, "#Difference"], rows.slice(0, 50).map(([name, left, right]) => h("tr", {}, h("th", { scope: "row" }, name), h("td.number", {}, count(left)), h("td.number", {}, count(right)),
    h("td", { class: right === left ? "number faint" : "number" }, right > left ? `+${right - left}` : `${right - left}`))));
}
