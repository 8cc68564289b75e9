// The labels of a dataset: colours, names, shortcuts, and how often they are used.

import { confirmed, formDialog } from "../core/dialog.js";
import { button, check, count, debounced, field, h, isTyping, select, show, table, turns } from "../core/dom.js";
import { api, requireAll } from "../core/http.js";
import { attempt } from "../core/notes.js";
import { COLOUR, FROM_TYPE, SHORTCUT, TO_TYPE } from "../core/wire.js";
import { colourOf } from "../model/colours.js";
import { matching } from "../model/search.js";
import { typeOf } from "../model/types.js";

/** @typedef {import("../core/wire.js").Label} Label */
/** @typedef {import("../core/wire.js").Json} Json */

const SHOWN = 200;

/** @param {HTMLElement} target @param {import("./dataset.js").OpenDataset} context */
export function labelsTab(target, context) {
  const { id } = context;
  const kind = typeOf(context.dataset.dataset_type);
  const search = h("input", { type: "search", placeholder: "Find a label", "aria-label": "Find a label", oninput: debounced(() => draw(), 100) });
  const name = h("input", { required: true, "aria-label": "Name", placeholder: "new label", autocomplete: "off" });
  const type = select({ "aria-label": "Type", onchange: () => drawEnds() }, [[kind.label, "entity"], [kind.relation, "relation"]]);
  const from = select({ "aria-label": "From entity" }, []);
  const to = select({ "aria-label": "To entity" }, []);
  const ends = h("span.row", { hidden: true }, from, "→", to);
  const body = h("div", {});
  /** @type {Map<string, Json>} */
  let used = new Map();

  show(target, kind.tool ? [
    h("div.bar", {}, h("form.row", { onsubmit: add }, name, kind.relation === undefined ? null : [type, ends], h("button.main", {}, "Add a label")), search), body,
  ] : h("div.empty", {}, h("p", {}, "Samples of this type take no labels.")));

  const turn = turns();
  async function load() {
    const isLatest = turn();
    const stats = (await attempt(() => api("GET", `/${id}/data-annotations/stats`)))?.label_stats ?? [];
    if (!isLatest()) return;
    used = new Map(stats.map((/** @type {Json} */ each) => [`${each.name}/${each.type}`, each]));
    draw();
  }

  /** Offer the entities of the dataset as the ends of a relation; those that are chosen stay. */
  function drawEnds() {
    const names = context.labels.filter((label) => label.type === kind.label).map((label) => label.name);
    for (const end of [from, to]) show(end, [...select({}, names, /** @type {HTMLSelectElement} */ (end).value).children]);
    ends.hidden = !addsRelation();
  }

  const addsRelation = () => kind.relation !== undefined && Number(type.value) === kind.relation;

  function draw() {
    drawEnds();
    if (body.contains(document.activeElement) && isTyping(document.activeElement)) return; // what is being typed stays
    const found = matching(context.labels, search.value);
    show(body,
      table(["Colour", "Name", ...(kind.relation === undefined ? [] : ["Type"]), "Key", "#Labels", "#Samples", ".Do"], found.slice(0, SHOWN).map(row)),
      found.length > SHOWN ? h("p.faint", {}, `${count(found.length - SHOWN)} more: search for them.`) : null,
      found.length ? null : h("div.empty", {}, h("p", {}, context.labels.length ? "No label matches." : "No labels yet: add one above, or while you label.")));
  }

  /** @param {Label} label */
  function row(label) {
    const uses = used.get(`${label.name}/${label.type}`);
    const set = (/** @type {Json} */ property) => change("PUT", "/data-annotations/labels", { labels: [{ name: label.name, type: label.type, property: { ...label.property, ...property } }] });
    const automatic = context.workspace.labels && context.workspace.shortcuts.keyOf(label);
    return h("tr", {},
      h("td", {}, h("input", { type: "color", value: colourOf(label, context.labels).slice(0, 7), "aria-label": `Colour of ${label.name}`, onchange: (/** @type {any} */ event) => set({ [COLOUR]: event.target.value }) })),
      h("th", { scope: "row" }, label.name),
      kind.relation === undefined ? null : h("td", {}, label.type === kind.relation ? `${label.property?.[FROM_TYPE] ?? "?"} → ${label.property?.[TO_TYPE] ?? "?"}` : "entity"),
      h("td", {}, h("input.short", { maxlength: 1, value: label.property?.[SHORTCUT] ?? "", placeholder: automatic || "", "aria-label": `Shortcut of ${label.name}`, onchange: (/** @type {any} */ event) => set({ [SHORTCUT]: event.target.value }) })),
      h("td.number", {}, count(uses?.count)),
      h("td.number", {}, count(uses?.sample_count)),
      h("td.actions", {}, button("Rename", () => rename(label), { class: "quiet", "aria-label": `Rename ${label.name}` }),
        button("Delete", () => remove(label), { class: "quiet", "aria-label": `Delete ${label.name}` })));
  }

  /** @param {Event} event */
  async function add(event) {
    event.preventDefault();
    const wanted = {
      name: name.value.trim(),
      ...(kind.relation === undefined ? {} : { type: Number(type.value) }),
      ...(addsRelation() ? { property: { [FROM_TYPE]: from.value, [TO_TYPE]: to.value } } : {}),
    };
    if (await change("POST", "/data-annotations/labels", { labels: [wanted] })) name.value = "";
    name.focus();
  }

  /** @param {Label} label */
  function rename(label) {
    const input = h("input", { value: label.name, required: true });
    formDialog(`Rename ${label.name}`, "Rename", [field("Name", input, "The samples keep the label under its new name.")], async () => {
      const property = { ...label.property, "@modelarts:rename_to": input.value.trim() };
      requireAll(await api("PUT", `/${id}/data-annotations/labels`, { body: { labels: [{ name: label.name, type: label.type, property }] } }));
      await context.reload();
      load();
    });
  }

  /** @param {Label} label */
  async function remove(label) {
    if (kind.unit === "text" || kind.unit === "row") {
      if (!(await confirmed(`Delete ${label.name}?`, "It is taken off every sample; the samples stay.", "Delete"))) return;
      change("POST", "/data-annotations/labels/delete", { labels: [{ name: label.name, type: label.type }] }, { delete_policy: 0 });
      return;
    }
    const samples = check("delete the samples that have only this label", {});
    formDialog(`Delete ${label.name}?`, "Delete", [h("p", {}, "It is taken off every sample; the samples stay, unless you choose otherwise."), samples.element], async () => {
      requireAll(await api("POST", `/${id}/data-annotations/labels/delete`, { body: { labels: [{ name: label.name, type: label.type }] }, parameters: { delete_policy: samples.input.checked ? 1 : 0 } }));
      await context.reload();
      load();
    });
  }

  /** @param {string} method @param {string} path @param {Json} content @param {Json} [parameters] */
  async function change(method, path, content, parameters) {
    const done = await attempt(async () => { requireAll(await api(method, `/${id}${path}`, { body: content, parameters })); return true; });
    await context.reload();
    await load();
    return done;
  }

  if (kind.tool) load();
  return { changed: () => kind.tool && load() };
}
