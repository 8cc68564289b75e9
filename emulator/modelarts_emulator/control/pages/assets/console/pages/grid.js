// Samples in a grid, of which only the rows in sight are there: a hundred thousand scroll as ten do.

import { h, s } from "../core/dom.js";
import { takeAway } from "../core/thumbnail.js";
import { chips, preview } from "../label/content.js";
import { Selection } from "../model/selection.js";
import { stamp } from "../model/saver.js";
import { isHard } from "../model/labelling.js";
import { typeOf } from "../model/types.js";

/** @typedef {import("../core/wire.js").Sample} Sample */
/** @typedef {import("../core/wire.js").Context} Context */
/** @typedef {import("../label/workspace.js").Workspace} Workspace */
/** @typedef {import("../model/walk.js").Page} Page */

export const PAGE = 100; // the most that one call answers
const KEPT = 30; // pages
const GAP = 10;
const TALLEST = 8_000_000; // CSS pixels; a browser's own limit is at 17 million or more
// The least width of a cell and its height, in CSS pixels.
/** @type {Object<string, [number, number]>} */
const SIZES = { text: [300, 150], row: [300, 64], sound: [220, 110], video: [200, 150], file: [200, 96] };

export class Grid {
  /**
   * @param {Context} context
   * @param {Workspace} workspace
   * @param {{fetchPage: (number: number) => Promise<Page | undefined>, onOpen: (place: number) => void, onSelect: () => void, onTotal: (total: number) => void}} actions
   */
  constructor(context, workspace, actions) {
    this.context = context;
    this.workspace = workspace;
    this.actions = actions;
    this.unit = typeOf(context.dataset.dataset_type).unit;
    const [leastWidth, cellHeight] = SIZES[this.unit] ?? [170, 186];
    this.leastWidth = leastWidth;
    this.cellHeight = cellHeight;
    this.cellWidth = leastWidth;
    this.isFirst = true;
    /** @type {Map<number, Sample[]>} */
    this.pages = new Map(); // by number; the one used last is last
    /** @type {Map<string, Promise<void>>} */
    this.loading = new Map();
    /** @type {Map<number, HTMLElement>} */
    this.rows = new Map();
    this.selection = new Selection();
    /** @type {Map<string, Sample>} */
    this.selected = new Map();
    this.total = 0;
    this.columns = 1;
    this.focus = 0; // the place that the keys are at
    this.epoch = 0;
    this.frame = 0;
    this.space = h("div.space", { role: "none" });
    this.element = h("div.grid", {
      role: "grid", "aria-label": "Samples", "aria-multiselectable": "true",
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.keydown(event), onclick: (/** @type {MouseEvent} */ event) => this.click(event),
      ondblclick: (/** @type {MouseEvent} */ event) => this.doubleClick(event),
    }, this.header(), this.space);
    this.element.addEventListener("scroll", () => this.soon(), { passive: true });
    this.resized = new ResizeObserver(() => this.layOut());
    this.resized.observe(this.element);
    this.ending = workspace.onChange((ids) => this.redraw(new Set(ids)));
  }

  header() {
    const names = this.unit === "row" ? this.context.dataset.schema ?? [] : [];
    return names.length ? h("p.text.cells.names", { "aria-hidden": "true" }, names.map((/** @type {any} */ each) => h("span", {}, each.name))) : null;
  }

  leave() {
    this.resized.disconnect();
    this.ending();
    cancelAnimationFrame(this.frame);
    for (const row of this.rows.values()) takeAway(row);
  }

  // What is loaded

  /** @param {number} place @returns {Sample | undefined} */
  at(place) {
    return this.pages.get(Math.floor(place / PAGE))?.[place % PAGE];
  }

  /** @param {string} id @returns {number} Where it is, if that is known; else -1 */
  placeOf(id) {
    for (const [number, samples] of this.pages) {
      const place = samples.findIndex((sample) => sample.sample_id === id);
      if (place >= 0) return number * PAGE + place;
    }
    return -1;
  }

  /** Load a page once, however many ask for it. @param {number} number @returns {Promise<void>} */
  load(number) {
    if (this.pages.has(number)) return Promise.resolve();
    const key = `${this.epoch}/${number}`;
    let loading = this.loading.get(key);
    if (!loading) {
      loading = this.loaded(number).finally(() => this.loading.delete(key));
      this.loading.set(key, loading);
    }
    return loading;
  }

  /** @param {number} number */
  async loaded(number) {
    const { epoch } = this;
    const asked = performance.now();
    const found = await this.actions.fetchPage(number);
    if (epoch !== this.epoch || !found) return;
    stamp(found.samples, asked);
    this.pages.set(number, found.samples);
    for (const old of this.pages.keys()) if (this.pages.size > KEPT && old !== number) this.pages.delete(old);
    if (this.isFirst || found.total !== this.total) {
      this.isFirst = false;
      this.total = found.total;
      this.actions.onTotal(this.total);
      this.layOut();
    } else {
      for (const row of [...this.rows.keys()]) {
        if (Math.floor((row * this.columns) / PAGE) <= number && Math.floor(((row + 1) * this.columns - 1) / PAGE) >= number) this.replace(row);
      }
      this.draw();
    }
  }

  /** Begin again, as with another filter. */
  restart() {
    this.epoch += 1;
    this.pages.clear();
    this.selection.clear();
    this.selected.clear();
    this.element.scrollTop = 0;
    this.focus = 0;
    this.isFirst = true;
    this.actions.onSelect();
    this.load(0);
  }

  /** Load again what is shown; it stays in sight until then. */
  refresh() {
    this.epoch += 1;
    const shown = [...this.rows.keys()].map((row) => Math.floor((row * this.columns) / PAGE));
    for (const number of [...this.pages.keys()]) if (!shown.includes(number)) this.pages.delete(number);
    for (const number of new Set(shown.length ? shown : [0])) {
      const { epoch } = this;
      this.loading.set(`${epoch}/${number}`, this.loaded(number).finally(() => this.loading.delete(`${epoch}/${number}`)));
    }
  }

  // What is drawn

  layOut() {
    const width = this.space.clientWidth;
    if (!width) return;
    const isList = this.unit === "row" || (width < 500 && this.leastWidth > 200);
    this.columns = isList ? 1 : Math.max(1, Math.floor((width + GAP) / (Math.min(this.leastWidth, (width - GAP) / 2) + GAP)));
    this.cellWidth = Math.floor((width - GAP * (this.columns - 1)) / this.columns);
    this.space.style.height = `${Math.min(TALLEST, this.height)}px`;
    this.element.setAttribute("aria-rowcount", String(this.rowCount));
    this.element.setAttribute("aria-colcount", String(this.columns));
    const hadFocus = this.hasFocus;
    for (const row of this.rows.values()) takeAway(row);
    this.rows.clear();
    this.draw();
    if (hadFocus) this.focusAt(this.focus);
  }

  get hasFocus() {
    return this.element.contains(document.activeElement);
  }

  get rowHeight() {
    return this.cellHeight + GAP;
  }

  get rowCount() {
    return Math.ceil(this.total / this.columns);
  }

  get height() {
    return this.rowCount * this.rowHeight;
  }

  /** How far down the rows in sight are, in a list of its full height. */
  get top() {
    const { scrollTop, clientHeight } = this.element;
    if (this.height <= TALLEST) return scrollTop;
    return (scrollTop / Math.max(1, TALLEST - clientHeight)) * (this.height - clientHeight);
  }

  soon() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.draw());
  }

  draw() {
    const { top } = this;
    const first = Math.max(0, Math.floor(top / this.rowHeight) - 2);
    const last = Math.min(this.rowCount, Math.ceil((top + this.element.clientHeight) / this.rowHeight) + 2);
    for (const [row, element] of this.rows) {
      if ((row < first || row >= last) && !element.contains(document.activeElement)) {
        takeAway(element);
        this.rows.delete(row);
      }
    }
    const offset = this.element.scrollTop - top;
    for (let row = first; row < last; row += 1) {
      let element = this.rows.get(row);
      if (!element) {
        element = this.makeRow(row);
        this.rows.set(row, element);
        this.space.append(element);
      }
      element.style.transform = `translateY(${Math.round(row * this.rowHeight + offset)}px)`;
    }
    const lastPage = Math.floor((Math.max(1, last * this.columns) - 1) / PAGE);
    for (let page = Math.floor((first * this.columns) / PAGE); page <= lastPage; page += 1) if (page * PAGE < this.total) this.load(page);
  }

  /** @param {number} row */
  replace(row) {
    const old = this.rows.get(row);
    if (!old) return;
    const focused = [...old.children].indexOf(/** @type {Element} */ (document.activeElement));
    const fresh = this.makeRow(row);
    fresh.style.transform = old.style.transform;
    old.before(fresh);
    takeAway(old);
    this.rows.set(row, fresh);
    if (focused >= 0) /** @type {HTMLElement | undefined} */ (fresh.children[focused])?.focus({ preventScroll: true });
  }

  /** Draw the samples again whose labels have changed. @param {Set<string>} ids */
  redraw(ids) {
    for (const row of [...this.rows.keys()]) {
      for (let column = 0; column < this.columns; column += 1) {
        const sample = this.at(row * this.columns + column);
        if (sample && ids.has(sample.sample_id)) { this.replace(row); break; }
      }
    }
  }

  redrawAll() {
    for (const row of [...this.rows.keys()]) this.replace(row);
  }

  /** @param {number} row */
  makeRow(row) {
    const start = row * this.columns;
    const cells = Array.from({ length: Math.min(this.columns, this.total - start) }, (_, column) => this.makeCell(start + column));
    return h("div.grid-row", { role: "row", "aria-rowindex": row + 1, style: { height: `${this.cellHeight}px`, gap: `${GAP}px` } }, cells);
  }

  /** @param {number} place */
  makeCell(place) {
    const sample = this.at(place);
    const cell = h("div.cell", { role: "gridcell", tabindex: place === this.focus ? "0" : "-1", "aria-colindex": (place % this.columns) + 1, dataset: { place: String(place) }, style: { width: `${this.cellWidth}px` } });
    if (!sample) {
      cell.setAttribute("aria-label", "loading");
      return cell;
    }
    const { labels, metadata } = this.workspace.view(sample);
    const isSelected = this.selection.has(sample.sample_id);
    const status = this.workspace.saver.status(sample.sample_id);
    const name = sample.sample_name ?? "";
    const proposed = sample.sample_status === "AUTO_ANNOTATION" && !this.workspace.saver.items.has(sample.sample_id);
    cell.setAttribute("aria-selected", String(isSelected));
    cell.setAttribute("aria-label", [name || sample.sample_id, labels.length ? labels.slice(0, 5).map((label) => label.name).join(", ") : "unlabelled",
      status === "saved" ? "" : status, proposed ? "to be confirmed" : "", isHard(metadata) ? "hard" : ""].filter(Boolean).join("; "));
    if (status !== "saved") cell.classList.add(status);
    cell.append(preview(sample, this.context.dataset.dataset_type, labels, this.workspace.labels),
      typeOf(this.context.dataset.dataset_type).tool ? chips(labels, this.workspace.labels) : "",
      h("div.cell-foot", {},
        h("span.name", { title: name }, name),
        isHard(metadata) ? h("span", { title: "hard example" }, "★") : null,
        proposed ? h("span.tag.busy", {}, "confirm?") : null,
        status === "failed" ? h("span.tag.bad", { title: this.workspace.saver.errorOf(sample.sample_id) }, "not saved") : null),
      h("span.tick", { "aria-hidden": "true", title: "Select" }, s("svg", { viewBox: "0 0 16 16" }, s("path", { d: "M3 8l4 4 6-8" }))));
    return cell;
  }

  // Pointer and keys

  /** @param {Event} event @returns {number} */
  placeUnder(event) {
    const cell = /** @type {Element} */ (event.target).closest(".cell");
    return cell instanceof HTMLElement ? Number(cell.dataset.place) : -1;
  }

  /** @param {MouseEvent} event */
  click(event) {
    const place = this.placeUnder(event);
    if (place < 0 || /** @type {Element} */ (event.target).closest(".play")) return;
    const isTick = /** @type {Element} */ (event.target).closest(".tick") !== null;
    this.focusAt(place);
    if (event.shiftKey) this.selectTo(place);
    else if (event.ctrlKey || event.metaKey || isTick) this.toggle(place);
    else this.actions.onOpen(place);
  }

  /** @param {MouseEvent} event */
  doubleClick(event) {
    event.preventDefault();
  }

  /** @param {number} place */
  toggle(place) {
    const sample = this.at(place);
    if (!sample) return;
    this.selection.toggle(sample.sample_id, place);
    this.remember(sample);
    this.replace(Math.floor(place / this.columns));
    this.actions.onSelect();
  }

  /** @param {Sample} sample */
  remember(sample) {
    if (this.selection.has(sample.sample_id)) this.selected.set(sample.sample_id, sample);
    else this.selected.delete(sample.sample_id);
  }

  /** Select from the last one selected up to here; what lies between is loaded where it is not yet. @param {number} place */
  async selectTo(place) {
    const from = this.selection.anchor < 0 ? place : this.selection.anchor;
    const [first, last] = [Math.min(from, place), Math.max(from, place)];
    for (let page = Math.floor(first / PAGE); page <= Math.floor(last / PAGE); page += 1) {
      await this.load(page);
      for (let each = Math.max(first, page * PAGE); each <= Math.min(last, page * PAGE + PAGE - 1); each += 1) {
        const sample = this.at(each);
        if (!sample) continue;
        this.selection.set(sample.sample_id, true);
        this.remember(sample);
      }
    }
    if (this.selection.anchor < 0) this.selection.anchor = place;
    this.redrawAll();
    this.actions.onSelect();
  }

  selectAll() {
    this.selection.all();
    this.selected.clear();
    this.redrawAll();
    this.actions.onSelect();
  }

  clearSelection() {
    this.selection.clear();
    this.selection.anchor = -1;
    this.selected.clear();
    this.redrawAll();
    this.actions.onSelect();
  }

  /** @param {number} place */
  focusAt(place) {
    const before = this.focus;
    this.focus = Math.max(0, Math.min(this.total - 1, place));
    this.reveal(this.focus);
    this.draw();
    this.cellAt(before)?.setAttribute("tabindex", "-1");
    const cell = this.cellAt(this.focus);
    cell?.setAttribute("tabindex", "0");
    cell?.focus({ preventScroll: true });
  }

  /** @param {number} place @returns {HTMLElement | undefined} */
  cellAt(place) {
    return /** @type {HTMLElement | undefined} */ (this.rows.get(Math.floor(place / this.columns))?.children[place % this.columns]);
  }

  /** @param {number} place */
  reveal(place) {
    const top = Math.floor(place / this.columns) * this.rowHeight;
    const { clientHeight } = this.element;
    const seen = this.top;
    if (top >= seen && top + this.rowHeight <= seen + clientHeight) return;
    const wanted = top < seen ? top : top + this.rowHeight - clientHeight + GAP;
    this.element.scrollTop = this.height <= TALLEST ? wanted : (wanted / Math.max(1, this.height - clientHeight)) * (TALLEST - clientHeight);
  }

  /** @param {KeyboardEvent} event */
  keydown(event) {
    if (!/** @type {Element} */ (event.target).closest(".cell")) return;
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.rowHeight)) * this.columns;
    /** @type {Object<string, number>} */
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.columns, ArrowUp: -this.columns, PageDown: page, PageUp: -page, Home: -this.total, End: this.total };
    const isCommand = event.ctrlKey || event.metaKey;
    if (steps[event.key] !== undefined && !event.altKey) this.step(steps[event.key], event.shiftKey);
    else if (event.key === "Enter") this.actions.onOpen(this.focus);
    else if (event.key === " " && event.shiftKey) this.selectTo(this.focus);
    else if (event.key === " ") this.toggle(this.focus);
    else if (isCommand && event.key === "a") this.selectAll();
    else if (event.key === "Escape" && this.selection.size(this.total)) this.clearSelection();
    else return;
    event.preventDefault();
  }

  /** @param {number} by @param {boolean} isSelecting */
  step(by, isSelecting) {
    const place = Math.max(0, Math.min(this.total - 1, this.focus + by));
    if (isSelecting && this.selection.anchor < 0) this.selection.anchor = this.focus;
    this.focusAt(place);
    if (isSelecting) this.selectTo(place);
  }
}
