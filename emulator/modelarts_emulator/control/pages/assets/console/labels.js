// The labels of a dataset, with their colours and how often they are used.

import { api } from "./api.js";
import { attempt, confirmed, count, h, show } from "./dom.js";
import { colourOf } from "./types.js";

const COLOUR = "@modelarts:color";
const SHORTCUT = "@modelarts:shortcut";

export function labelsTab(target, context) {
  const { id } = context;

  async function load() {
    const { labels } = context;
    const stats = (await attempt(() => api("GET", `/${id}/data-annotations/stats`)))?.label_stats ?? [];
    const used = new Map(stats.map((each) => [`${each.name}/${each.type}`, each]));
    const name = h("input", { required: true, "aria-label": "Name" });
    const add = (event) => {
      event.preventDefault();
      change("POST", "/data-annotations/labels", { labels: [{ name: name.value }] });
    };
    show(target,
      h("table", {}, h("thead", {}, h("tr", {}, ["Colour", "Name", "Type", "Shortcut", "Labels", "Samples", ""].map((each) => h("th", { scope: "col" }, each || h("span.hidden-text", {}, "Delete"))))),
        h("tbody", {}, labels.map((label) => row(label, used.get(`${label.name}/${label.type}`))))),
      labels.length ? null : h("p.empty", {}, "No labels yet."),
      h("form.row", { onsubmit: add }, name, h("button", {}, "Add a label")));
  }

  function row(label, used) {
    const set = (property) => change("PUT", "/data-annotations/labels", { labels: [{ name: label.name, type: label.type, property: { ...label.property, ...property } }] });
    const colour = colourOf(label, context.labels);
    return h("tr", {},
      h("td", {}, h("input", { type: "color", value: colour.slice(0, 7), "aria-label": `Colour of ${label.name}`, onchange: (event) => set({ [COLOUR]: event.target.value }) })),
      h("th", { scope: "row" }, label.name),
      h("td", {}, label.type ?? ""),
      h("td", {}, h("input.short", { maxlength: 1, value: label.property?.[SHORTCUT] ?? "", "aria-label": `Shortcut of ${label.name}`, onchange: (event) => set({ [SHORTCUT]: event.target.value }) })),
      h("td.number", {}, count(used?.count)),
      h("td.number", {}, count(used?.sample_count)),
      h("td", {}, h("button.quiet", { type: "button", "aria-label": `Delete ${label.name}`, onclick: async () => {
        if (await confirmed(`Delete ${label.name}?`, "It goes from every sample; the samples stay.", "Delete")) {
          change("POST", "/data-annotations/labels/delete", { labels: [{ name: label.name, type: label.type }] }, { delete_policy: 0 });
        }
      } }, "Delete")));
  }

  async function change(method, path, body, parameters) {
    const done = await attempt(async () => {
      const answer = await api(method, `/${id}${path}`, { body, parameters });
      const refused = answer?.results?.find((each) => !each.success);
      if (refused) throw new Error(refused.error_msg);
      return true;
    });
    if (done) await context.reload();
    load();
  }

  load();
  return { changed: load };
}
