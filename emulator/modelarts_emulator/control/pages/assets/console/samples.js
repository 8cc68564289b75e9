// The samples of a dataset in a grid, of which only what is in sight is there: a hundred thousand scroll as ten do.

import { api } from "./api.js";
import { chips, preview } from "./content.js";
import { attempt, count, h, note, select, show } from "./dom.js";
import { openSample } from "./sample.js";
import { takeAway } from "./thumbnail.js";
import { typeOf } from "./types.js";

const PAGE = 100; // the most that one call answers
const KEPT = 20; // pages
const GAP = 10;
// The least width and the height of what a sample stands in, in pixels.
const SIZES = { text: [300, 150], row: [300, 64], sound: [300, 120] };
const STATES = [["", "every state"], ["ALL", "labelled"], ["NONE", "unlabelled"], ["AUTO_ANNOTATION", "to be confirmed"]];

export function samplesTab(target, context) {
  const { id, dataset } = context;
  const type = dataset.dataset_type;
  const unit = typeOf(type).unit;
  const [leastWidth, cellHeight] = SIZES[unit] ?? [170, 186];
  const pages = new Map(); // by number; the one used last is last
  const loading = new Map(); // promises, by epoch and number
  const cells = new Map(); // by place
  let total = 0;
  let columns = 1;
  let cellWidth = leastWidth;
  let epoch = 0;

  const state = select({ "aria-label": "State", onchange: restart }, STATES, "");
  const label = select({ "aria-label": "Label", onchange: restart }, [["", "every label"], ...context.labels.map((each) => [each.name, each.name])], "");
  const name = h("input", { type: "search", placeholder: "Name", "aria-label": "Name", oninput: () => { clearTimeout(typing); typing = setTimeout(restart, 200); } });
  const order = select({ "aria-label": "Order", onchange: restart }, [["desc", "newest first"], ["asc", "oldest first"]], "desc");
  const told = h("span.faint", { role: "status" });
  const upload = h("input", { type: "file", multiple: true, class: "hidden", "aria-label": "Upload files", onchange: () => send([...upload.files]) });
  const space = h("ul.space", { "aria-label": "Samples" });
  const columnNames = unit === "row" ? (dataset.schema ?? []).map((each) => h("span", {}, each.name)) : [];
  const view = h("div.grid", { tabindex: "0" }, columnNames.length ? h("p.text.cells.names", {}, columnNames) : null, space);
  let typing = 0;

  show(target,
    h("div.bar", {}, state, label, name, order, told, h("span.spring", {}),
      h("button", { type: "button", onclick: () => upload.click() }, "Upload"), upload),
    view);

  const parameters = (page) => ({
    limit: PAGE, offset: page, order: order.value, sample_state: state.value, label_name: label.value, preview: unit === "picture" || unit === "video" ? true : undefined,
    search_conditions: name.value ? JSON.stringify({ sample_name: name.value }) : undefined,
  });

  // Loads a page once, however many ask for it meanwhile.
  function load(number) {
    if (pages.has(number)) return undefined;
    const key = `${epoch}/${number}`;
    if (!loading.has(key)) loading.set(key, fetched(number).finally(() => loading.delete(key)));
    return loading.get(key);
  }

  async function fetched(number) {
    const begun = epoch;
    const found = await attempt(() => api("GET", `/${id}/data-annotations/samples`, { parameters: parameters(number) }));
    if (begun !== epoch || !found) return;
    pages.set(number, found.samples ?? []);
    if (found.sample_count !== total) {
      total = found.sample_count;
      layOut();
    }
    told.textContent = `${count(total)} samples`;
    for (const old of pages.keys()) if (pages.size > KEPT && old !== number) pages.delete(old);
    for (const [place, cell] of cells) if (Math.floor(place / PAGE) === number) replace(cell, place);
    draw();
  }

  const at = (place) => pages.get(Math.floor(place / PAGE))?.[place % PAGE];

  function fresh(place) {
    const sample = at(place);
    const cell = h("li.cell", { style: {
      transform: `translate(${(place % columns) * (cellWidth + GAP)}px, ${Math.floor(place / columns) * (cellHeight + GAP)}px)`,
      width: `${cellWidth}px`, height: `${cellHeight}px`,
    } });
    if (sample) {
      cell.append(preview(sample, type, context.labels),
        h("button.open", { type: "button", onclick: () => view_(place), "aria-label": `Open ${sample.sample_name || sample.sample_id}` },
          h("span.name", {}, sample.sample_name ?? "")),
        chips(sample, context.labels));
    }
    cells.set(place, cell);
    return cell;
  }

  function replace(cell, place) {
    cell.before(fresh(place));
    takeAway(cell);
  }

  function layOut() {
    const width = space.clientWidth;
    columns = Math.max(1, Math.floor((width + GAP) / (Math.min(leastWidth, width / 2) + GAP)));
    if (unit === "row" || (width < 500 && leastWidth > 200)) columns = 1;
    cellWidth = Math.floor((width - GAP * (columns - 1)) / columns);
    space.style.height = `${Math.ceil(total / columns) * (cellHeight + GAP)}px`;
    for (const cell of cells.values()) takeAway(cell);
    cells.clear();
  }

  function draw() {
    const row = cellHeight + GAP;
    const first = Math.max(0, (Math.floor(view.scrollTop / row) - 2) * columns);
    const last = Math.min(total, (Math.ceil((view.scrollTop + view.clientHeight) / row) + 2) * columns);
    for (const [place, cell] of cells) {
      if (place < first || place >= last) {
        takeAway(cell);
        cells.delete(place);
      }
    }
    for (let place = first; place < last; place += 1) if (!cells.has(place)) space.append(fresh(place));
    for (let page = Math.floor(first / PAGE); page * PAGE < last; page += 1) load(page);
  }

  function restart() {
    epoch += 1;
    pages.clear();
    view.scrollTop = 0;
    total = 0;
    layOut();
    load(0);
  }

  function refresh() {
    epoch += 1;
    pages.clear();
    const first = Math.floor(view.scrollTop / (cellHeight + GAP)) * columns;
    load(Math.floor(first / PAGE));
  }

  function view_(place) {
    openSample(context, {
      place, get total() { return total; },
      async sample(wanted) {
        await load(Math.floor(wanted / PAGE));
        return at(wanted);
      },
      saved: refresh,
    });
  }

  async function send(files) {
    for (let start = 0; start < files.length; start += 20) {
      const samples = await Promise.all(files.slice(start, start + 20).map(async (file) => ({ name: file.name, data: await base64(file) })));
      const done = await attempt(() => api("POST", `/${id}/data-annotations/samples`, { body: { samples } }));
      const failed = (done?.results ?? []).filter((each) => !each.success);
      if (done) note(failed.length ? `${failed.length} refused: ${failed[0].error_msg}` : `${samples.length} uploaded.`, failed.length > 0);
    }
    refresh();
  }

  let painting = 0;
  view.addEventListener("scroll", () => {
    cancelAnimationFrame(painting);
    painting = requestAnimationFrame(draw);
  }, { passive: true });
  view.addEventListener("dragover", (event) => { event.preventDefault(); view.classList.add("over"); });
  view.addEventListener("dragleave", () => view.classList.remove("over"));
  view.addEventListener("drop", (event) => {
    event.preventDefault();
    view.classList.remove("over");
    send([...event.dataTransfer.files]);
  });
  const resized = new ResizeObserver(() => { layOut(); draw(); });
  resized.observe(view);
  restart();
  return { changed: refresh, leave: () => { resized.disconnect(); for (const cell of cells.values()) takeAway(cell); } };
}

function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}
