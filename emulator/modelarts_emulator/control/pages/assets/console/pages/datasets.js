// The datasets of a project as cards.

import { confirmed } from "../core/dialog.js";
import { button, count, debounced, h, select, show, time, turns } from "../core/dom.js";
import { api, session } from "../core/http.js";
import { attempt, note } from "../core/notes.js";
import { STATUS, TYPES, typeOf } from "../model/types.js";
import { createDialog } from "./create-dataset.js";

/** @typedef {import("../core/wire.js").Json} Json */

const PAGE = 30;
/** @type {Object<string, string>} */
const GLYPHS = { sound: "♪", video: "▶", row: "▦", file: "▤" };
const SORTS = [["create_time desc", "newest"], ["create_time asc", "oldest"], ["dataset_name asc", "by name"]];

/** @param {HTMLElement} target */
export function datasetsPage(target) {
  const search = h("input", { type: "search", placeholder: "Name", "aria-label": "Filter by name", oninput: () => soon() });
  const type = select({ "aria-label": "Filter by type", onchange: () => load() },
    [["", "every type"], ...[...TYPES].map(([number, { name }]) => [number, name])], "");
  const sort = select({ "aria-label": "Order", onchange: () => load() }, SORTS, SORTS[0][0]);
  const found = h("span.faint.found", { role: "status" });
  const cards = h("ul.cards", {});
  const more = h("div.more", {});
  let page = 0;
  const turn = turns();
  const soon = debounced(() => load(), 150);
  const watcher = new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting)) more.querySelector("button")?.click(); });
  document.title = "Datasets – ModelArts emulator";
  show(target,
    h("div.bar", {}, h("h1", {}, "Datasets"), search, type, sort, found, h("span.spring", {}),
      button("New dataset", () => createDialog((id) => { location.hash = `#/datasets/${id}`; }), { class: "main" })),
    cards, more);

  async function load(next = 0) {
    const isLatest = turn();
    const [sort_by, order] = sort.value.split(" ");
    const parameters = { limit: PAGE, offset: next, search_content: search.value, dataset_type: type.value, sort_by, order, file_preview: true };
    const answer = await attempt(() => api("GET", "", { parameters }));
    if (!answer || !isLatest()) return;
    page = next;
    const made = (answer.datasets ?? []).map((/** @type {Json} */ dataset) => card(dataset, load));
    if (page) cards.append(...made);
    else show(cards, made);
    found.textContent = `${count(answer.total_number)} ${answer.total_number === 1 ? "dataset" : "datasets"}`;
    if (!cards.childElementCount) show(cards, nothing());
    const rest = answer.total_number - (page + 1) * PAGE;
    watcher.disconnect();
    show(more, rest > 0 ? button(`${count(rest)} more`, () => load(page + 1)) : null);
    if (rest > 0) watcher.observe(more);
  }

  function nothing() {
    if (search.value || type.value) return h("li.empty", {}, h("p", {}, "No dataset matches."));
    return h("li.empty", {}, h("p", {}, `There are no datasets in ${session.project}.`),
      h("p.faint", {}, "A dataset is made over a folder of a bucket; its files become samples."), button("New dataset", () => createDialog((id) => { location.hash = `#/datasets/${id}`; }), { class: "main" }));
  }

  load();
  return {
    /** @param {string} kind @param {Json} data */
    onEvent(kind, data) {
      if (kind === "dataset" && data.project_id === session.project && page === 0) soon();
    },
    leave: () => { soon.cancel(); watcher.disconnect(); },
  };
}

/** @param {Json} dataset @param {() => void} reload */
function card(dataset, reload) {
  const { dataset_id: id, dataset_name: name, dataset_type: type, status } = dataset;
  const total = dataset.total_sample_count ?? 0;
  const previews = (dataset.samples ?? []).slice(0, 4);
  const remove = async () => {
    if (!(await confirmed(`Delete ${name}?`, "The dataset, its labels and versions are deleted. Its files stay.", "Delete"))) return;
    if (await attempt(async () => { await api("DELETE", `/${id}`); return true; })) note(`${name} is deleted.`);
    reload();
  };
  const isBusy = status !== 1 && status !== 4;
  return h("li.card", {},
    h("div.strip", { "aria-hidden": "true" }, previews.map((/** @type {Json} */ file) => h("div.thumb", {}, thumbnail(file, type))),
      previews.length ? null : h("p.faint", {}, total ? typeOf(type).unit : "no samples")),
    h("h2", {}, h("a", { href: `#/datasets/${id}` }, name)),
    h("p.facts", {}, h("span.tag", {}, typeOf(type).name), " ",
      h(status === 1 ? "span.tag.good" : status === 4 ? "span.tag.bad" : "span.tag.busy", {}, STATUS[status] ?? status)),
    h("p", {}, `${count(total)} samples, ${count(dataset.annotated_sample_count)} labelled`),
    h("progress.thin", isBusy ? { "aria-label": STATUS[status] ?? "working", class: "thin running" } : { max: Math.max(1, total), value: dataset.annotated_sample_count ?? 0, "aria-label": "labelled" }),
    h("p.card-foot", {}, h("span.faint", {}, time(dataset.create_time)),
      button("Delete", remove, { class: "quiet", "aria-label": `Delete ${name}` })));
}

/** A file that a list of datasets shows. @param {Json} file @param {number} type */
function thumbnail(file, type) {
  const { unit } = typeOf(type);
  if (unit === "picture") return h("img.stored", { src: file.url, alt: "", loading: "lazy", decoding: "async" });
  if (unit === "text") return h("span.snippet", {}, (file.url ?? "").replace(/^content:\/\//, "").slice(0, 200));
  return h("span.snippet", {}, GLYPHS[unit] ?? "", " ", file.file_Name ?? "");
}
