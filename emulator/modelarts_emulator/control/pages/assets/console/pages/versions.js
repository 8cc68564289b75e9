// The versions of a dataset: what they are, their manifests, and two of them sample by sample.

import { confirmed, dialog } from "../core/dialog.js";
import { button, count, h, show, table, time } from "../core/dom.js";
import { api } from "../core/http.js";
import { attempt, copyText } from "../core/notes.js";
import { obsOf, readText } from "../core/storage.js";
import { typeOf } from "../model/types.js";
import { compareDialog } from "./compare.js";
import { publishDialog } from "./publish.js";

/** @typedef {import("../core/wire.js").Json} Json */

const STATUS = ["publishing", "ready", "deleting", "deleted", "failed"];
const SHOWN = 200;
const COUNTS = ["total_sample_count", "annotated_sample_count", "add_sample_count", "deleted_sample_count", "modified_sample_count"];

/** @param {HTMLElement} target @param {import("./dataset.js").OpenDataset} context */
export function versionsTab(target, context) {
  const { id } = context;
  /** Ids of versions to be compared; they stay chosen when the table is drawn again. @type {string[]} */
  let chosen = [];
  /** @type {Json[]} */
  let versions = [];
  const compare = button("Compare the two chosen", () => compareDialog(context, chosen.map((each) => versions.find((version) => version.version_id === each) ?? {})));

  async function load() {
    const found = await attempt(() => api("GET", `/${id}/versions`));
    if (!found) return;
    versions = found.versions ?? [];
    chosen = chosen.filter((each) => versions.some((version) => version.version_id === each));
    compare.disabled = chosen.length !== 2;
    show(target, h("div.bar", {}, compare, versions.length > 1 && !chosen.length ? h("span.faint", {}, "Tick two versions.") : null),
      versions.length ? table(["Compare", "Name", "Status", "#Samples", "#Labelled", "#Added", "#Deleted", "#Changed", "#Training", "Format", "Made", ".Do"], versions.map(row)) : h("div.empty", {},
        h("p", {}, "Nothing has been published yet."), h("p.faint", {}, "A version keeps the samples and labels as they are, with a manifest for training."), button("Publish", () => publishDialog(context), { class: "main" })));
  }

  /** @param {Json} version */
  function row(version) {
    const { version_name: name, status } = version;
    const choose = (/** @type {boolean} */ isOn) => {
      chosen = chosen.filter((each) => each !== version.version_id);
      if (isOn) chosen.push(version.version_id);
      compare.disabled = chosen.length !== 2;
    };
    return h("tr", {},
      h("td", {}, h("input", { type: "checkbox", "aria-label": `Compare ${name}`, checked: chosen.includes(version.version_id), onchange: (/** @type {any} */ event) => choose(event.target.checked) })),
      h("th", { scope: "row" }, name, version.is_current ? h("span.tag.good", {}, "current") : null, version.description ? h("small.faint", {}, version.description) : null),
      h("td", {}, h(status === 1 ? "span.tag.good" : status === 4 ? "span.tag.bad" : "span.tag.busy", {}, STATUS[status] ?? status), version.message ? h("small.bad", {}, version.message) : null,
        status === 0 ? h("progress.thin.running", { "aria-label": "publishing" }) : null),
      COUNTS.map((member) => h("td.number", {}, count(version[member]))),
      h("td.number", {}, version.train_evaluate_sample_ratio ?? ""), h("td", {}, version.version_format ?? ""),
      h("td", {}, time(version.create_time)),
      h("td.actions", {}, actions(version)));
  }

  /** @param {Json} version */
  function actions(version) {
    const { version_name: name } = version;
    return [
      version.manifest_path ? button("Manifest", () => manifest(version), { class: "quiet", "aria-label": `Manifest of ${name}` }) : null,
      // The version of a table cannot be changed.
      version.is_current || typeOf(version.task_type).unit === "row" ? null : button("Switch", async () => {
        if (await confirmed(`Switch to ${name}?`, "Samples, labels and annotations become those of this version.", "Switch")) {
          attempt(() => api("PUT", `/${id}`, { body: { current_version_id: version.version_id } }));
        }
      }, { class: "quiet", "aria-label": `Switch to ${name}` }),
      button("Delete", async () => {
        if (!(await confirmed(`Delete ${name}?`, "Its record is deleted; its files stay.", "Delete"))) return;
        await attempt(() => api("DELETE", `/${id}/versions/${version.version_id}`));
        load();
      }, { class: "quiet", "aria-label": `Delete ${name}` }),
    ];
  }

  /** @param {Json} version */
  async function manifest(version) {
    const text = await attempt(() => readText(version.manifest_path));
    if (text === undefined) return;
    const lines = text.split("\n").filter(Boolean);
    dialog(`Manifest of ${version.version_name}`, () => [
      h("p.faint", {}, `${version.manifest_path}, ${count(lines.length)} lines`, lines.length > SHOWN ? `; the first ${SHOWN}` : ""),
      h("div.row", {}, button("Copy the path", () => copyText(obsOf(version.manifest_path), "The path is copied.")), button("Copy the lines", () => copyText(text, "The manifest is copied."))),
      h("pre", { tabindex: "0" }, lines.slice(0, SHOWN).join("\n")),
    ], "wide");
  }

  load();
  return { changed: load };
}
