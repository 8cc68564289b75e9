// The datasets of a project as cards.

import { api, session } from "./api.js";
import { attempt, confirmed, count, dialog, field, h, note, select, show, time } from "./dom.js";
import { pickFolder } from "./folders.js";
import { STATUS, TYPES, typeOf } from "./types.js";

const PAGE = 30;
const GLYPHS = { sound: "♪", video: "▶", row: "▦", file: "▤" };
const SORTS = [["create_time desc", "newest"], ["create_time asc", "oldest"], ["dataset_name asc", "by name"]];

export function datasetsPage(target) {
  const search = h("input", { type: "search", placeholder: "Name", "aria-label": "Filter by name", oninput: () => soon() });
  const type = select({ "aria-label": "Filter by type", onchange: () => load() },
    [["", "every type"], ...[...TYPES].map(([number, { name }]) => [number, name])], "");
  const sort = select({ "aria-label": "Order", onchange: () => load() }, SORTS, SORTS[0][0]);
  const cards = h("ul.cards", {});
  const more = h("div.buttons", {});
  let page = 0;
  let waiting = 0;
  show(target,
    h("div.bar", {}, h("h1", {}, "Datasets"), search, type, sort, h("span.spring", {}),
      h("button.main", { type: "button", onclick: () => createDialog(load) }, "New dataset")),
    cards, more);

  function soon() {
    clearTimeout(waiting);
    waiting = setTimeout(load, 150);
  }

  async function load(next = 0) {
    page = typeof next === "number" ? next : 0;
    const [sort_by, order] = sort.value.split(" ");
    const parameters = { limit: PAGE, offset: page, search_content: search.value, dataset_type: type.value, sort_by, order, file_preview: true, with_labels: true };
    const found = await attempt(() => api("GET", "", { parameters }));
    if (!found) return;
    const made = (found.datasets ?? []).map((dataset) => card(dataset, load));
    if (page) cards.append(...made);
    else show(cards, made);
    if (!cards.childElementCount) show(cards, h("li.empty", {}, `There are no datasets in ${session.project}.`));
    const rest = found.total_number - (page + 1) * PAGE;
    show(more, rest > 0 ? h("button", { type: "button", onclick: () => load(page + 1) }, `${count(rest)} more`) : null);
  }

  load();
  return {
    onEvent(kind, data) {
      if (kind === "dataset" && data.project_id === session.project) soon();
    },
    leave: () => clearTimeout(waiting),
  };
}

function card(dataset, reload) {
  const { dataset_id: id, dataset_name: name, dataset_type: type, status } = dataset;
  const total = dataset.total_sample_count ?? 0;
  const previews = (dataset.samples ?? []).slice(0, 4);
  const remove = async () => {
    if (!(await confirmed(`Delete ${name}?`, "The dataset, its labels and versions go. Its files stay.", "Delete"))) return;
    await attempt(() => api("DELETE", `/${id}`));
    note(`${name} is deleted.`);
    reload();
  };
  return h("li.card", {},
    h("div.strip", { "aria-hidden": "true" }, previews.map((file) => h("div.thumb", {}, thumbnail(file, type))),
      previews.length ? null : h("p.faint", {}, total ? typeOf(type).unit : "no samples")),
    h("h2", {}, h("a", { href: `#/datasets/${id}` }, name)),
    h("p.facts", {}, h("span.tag", {}, typeOf(type).name), " ",
      h(status === 1 ? "span.tag.good" : status === 4 ? "span.tag.bad" : "span.tag.busy", {}, STATUS[status] ?? status), " ",
      `${count(total)} samples, ${count(dataset.annotated_sample_count)} labelled`),
    h("progress", { max: Math.max(1, total), value: dataset.annotated_sample_count ?? 0, "aria-label": "labelled" }),
    status === 1 || status === 4 ? null : h("progress.running", { "aria-label": STATUS[status] ?? "working" }),
    h("p.faint", {}, `${time(dataset.create_time)} `,
      h("button.quiet", { type: "button", onclick: remove, "aria-label": `Delete ${name}` }, "Delete")));
}

// Of a file that a list of datasets shows.
function thumbnail(file, type) {
  const { unit } = typeOf(type);
  if (unit === "picture") return h("img", { src: file.url, alt: "", loading: "lazy", decoding: "async" });
  if (unit === "text") return h("span.snippet", {}, (file.url ?? "").replace(/^content:\/\//, ""));
  return h("span.snippet", {}, GLYPHS[unit] ?? "", " ", file.file_Name ?? "");
}

function createDialog(done) {
  dialog("New dataset", (close) => {
    const name = h("input", { required: true, pattern: "[A-Za-z0-9_\\-]{1,100}", value: `dataset-${Math.random().toString(36).slice(2, 6)}` });
    const type = select({}, [...TYPES].map(([number, each]) => [number, each.name]), 0);
    const folderField = (label, hint) => {
      const input = h("input", { required: true, placeholder: "/bucket/folder/" });
      const pick = h("button", { type: "button", onclick: () => pickFolder((path) => { input.value = path; }), "aria-label": `Choose the ${label.toLowerCase()}` }, "…");
      return [input, field(label, h("span.row", {}, input, pick), hint)];
    };
    const [source, sourceField] = folderField("Input folder", "where the samples are");
    const [work, workField] = folderField("Work folder", "where versions are written; not in the input folder");
    const submit = async (event) => {
      event.preventDefault();
      const body = {
        dataset_name: name.value, dataset_type: Number(type.value), work_path: work.value, work_path_type: 0,
        data_sources: [{ data_type: 0, data_path: source.value }],
      };
      const made = await attempt(() => api("POST", "", { body }));
      if (!made) return;
      close();
      note(`${name.value} is there.`);
      done();
    };
    return h("form", { onsubmit: submit }, field("Name", name), field("Type", type), sourceField, workField,
      h("div.buttons", {}, h("button.main", {}, "Create")));
  });
}
