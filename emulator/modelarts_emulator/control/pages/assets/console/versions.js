// The versions of a dataset: what they are, their manifests, and two of them side by side.

import { api, object } from "./api.js";
import { attempt, confirmed, count, dialog, h, show, time } from "./dom.js";

const STATUS = ["publishing", "ready", "deleting", "deleted", "failed"];
const SHOWN = 200;

export function versionsTab(target, context) {
  const { id } = context;
  let chosen = []; // ids of versions to be compared; they stay chosen when the table is made anew

  async function load() {
    const found = await attempt(() => api("GET", `/${id}/versions`));
    if (!found) return;
    const versions = found.versions ?? [];
    chosen = chosen.filter((id_) => versions.some((each) => each.version_id === id_));
    const compare = h("button", { type: "button", disabled: chosen.length !== 2, onclick: () => comparison(...chosen) }, "Compare the two chosen");
    const choose = (version, isOn) => {
      chosen = chosen.filter((each) => each !== version.version_id);
      if (isOn) chosen.push(version.version_id);
      compare.disabled = chosen.length !== 2;
    };
    show(target, h("div.bar", {}, compare),
      h("table", {},
        h("thead", {}, h("tr", {}, ["Compare", "Name", "Status", "Samples", "Labelled", "Added", "Deleted", "Changed", "Made", "Do"].map((each) => h("th", { scope: "col" }, each)))),
        h("tbody", {}, versions.map((version) => h("tr", {},
          h("td", {}, h("input", { type: "checkbox", "aria-label": `Compare ${version.version_name}`, checked: chosen.includes(version.version_id), onchange: (event) => choose(version, event.target.checked) })),
          h("th", { scope: "row" }, version.version_name, version.is_current ? h("span.tag.good", {}, "current") : null),
          h("td", {}, h(version.status === 1 ? "span.tag.good" : version.status === 4 ? "span.tag.bad" : "span.tag.busy", {}, STATUS[version.status] ?? version.status), version.message ? h("small.bad", {}, version.message) : null),
          ["total_sample_count", "annotated_sample_count", "add_sample_count", "deleted_sample_count", "modified_sample_count"].map((name) => h("td.number", {}, count(version[name]))),
          h("td", {}, time(version.create_time)),
          h("td", {}, actions(version)))))),
      versions.length ? null : h("p.empty", {}, "Nothing has been published yet."));
  }

  function actions(version) {
    const path = `/${id}/versions/${version.version_id}`;
    const { version_name: name } = version;
    return h("div.row", {},
      h("button.quiet", { type: "button", "aria-label": `Manifest of ${name}`, onclick: () => manifest(version) }, "Manifest"),
      version.is_current ? null : h("button.quiet", { type: "button", "aria-label": `Switch to ${name}`, onclick: async () => {
        if (await confirmed(`Switch to ${name}?`, "Samples, labels and annotations become those of this version.", "Switch")) {
          attempt(() => api("PUT", `/${id}`, { body: { current_version_id: version.version_id } }));
        }
      } }, "Switch"),
      h("button.quiet", { type: "button", "aria-label": `Delete ${name}`, onclick: async () => {
        if (!(await confirmed(`Delete ${name}?`, "Its record goes; its files stay.", "Delete"))) return;
        await attempt(() => api("DELETE", path));
        load();
      } }, "Delete"));
  }

  async function manifest(version) {
    const text = await attempt(() => object(version.manifest_path));
    if (text === undefined) return;
    const lines = text.split("\n").filter(Boolean);
    dialog(`Manifest of ${version.version_name}`, () => [
      h("p.faint", {}, `${version.manifest_path}, ${count(lines.length)} lines`, lines.length > SHOWN ? `; the first ${SHOWN}` : ""),
      h("pre", { tabindex: "0" }, lines.slice(0, SHOWN).join("\n")),
    ], "wide");
  }

  async function comparison(one, other) {
    const [first, second] = await Promise.all([one, other].map((each) => attempt(() => api("GET", `/${id}/versions/${each}`))));
    if (!first || !second) return;
    const rows = [["samples", first.total_sample_count, second.total_sample_count], ["labelled", first.annotated_sample_count, second.annotated_sample_count]];
    const stats = (version) => new Map((version.label_stats ?? []).map((each) => [each.name, each.sample_count]));
    const [before, after] = [stats(first), stats(second)];
    for (const name of new Set([...before.keys(), ...after.keys()])) rows.push([name, before.get(name) ?? 0, after.get(name) ?? 0]);
    dialog(`${first.version_name} and ${second.version_name}`, () => h("table", {},
      h("thead", {}, h("tr", {}, ["", first.version_name, second.version_name, "Difference"].map((each) => h("th", { scope: "col" }, each || "What")))),
      h("tbody", {}, rows.map(([name, left, right]) => h("tr", {}, h("th", { scope: "row" }, name), h("td.number", {}, count(left)), h("td.number", {}, count(right)),
        h(right === left ? "td.number.faint" : "td.number", {}, right > left ? `+${right - left}` : `${right - left}`))))));
  }

  load();
  return { changed: load };
}
