// The labels that can be given: a search over all of them, and the key of each.

import { h } from "../core/dom.js";
import { virtualList } from "../core/virtual-list.js";
import { colourOf } from "../model/colours.js";
import { matching } from "../model/search.js";

/** @typedef {import("../core/wire.js").Label} Label */

const ROW = 34;

/**
 * @param {object} options
 * @param {string} options.title
 * @param {string} options.hint
 * @param {() => Label[]} options.labels
 * @param {(label: Label) => string} options.keyOf
 * @param {(label: Label) => boolean} options.isOn
 * @param {(label: Label) => void} options.use
 * @param {(name: string) => void} options.add Names a label that is not there yet
 * @param {() => void} options.leave Gives the focus back
 */
export function labelPanel({ title, hint, labels, keyOf, isOn, use, add, leave }) {
  let marked = 0;
  /** @type {Label[]} */
  let shown = [];
  const input = h("input", {
    type: "search", placeholder: "Find or add a label", "aria-label": "Find or add a label", autocomplete: "off", role: "combobox",
    "aria-expanded": "true", "aria-autocomplete": "list", oninput: () => { marked = 0; update(); }, onkeydown: keydown,
  });
  const rows = virtualList({ rowHeight: ROW, label: title, render: row, class: "labels" });
  rows.element.id = `labels-${Math.random().toString(36).slice(2)}`;
  input.setAttribute("aria-controls", rows.element.id);
  const addButton = h("button.quiet.add", { type: "button", hidden: true, onclick: create });
  const element = h("section.label-panel", { "aria-label": title },
    h("h3", {}, title, " ", h("small.faint", {}, hint)), input, rows.element, addButton);

  /** @param {Label} label @param {number} place */
  function row(label, place) {
    const key = keyOf(label);
    const isMarked = Boolean(input.value) && place === marked;
    return h("div", {
      class: isMarked ? "label-row marked" : "label-row", role: "option", "aria-selected": String(isOn(label)), style: { "--colour": colourOf(label, labels()) },
      onmousedown: (/** @type {Event} */ event) => event.preventDefault(), // the text that is selected stays so
      onclick: () => { use(label); },
    }, h("kbd", { "aria-hidden": "true", class: key ? null : "none" }, key), h("span.label-name", { title: label.name }, label.name));
  }

  function update() {
    shown = matching(labels(), input.value);
    marked = Math.min(marked, Math.max(0, shown.length - 1));
    const name = input.value.trim();
    addButton.hidden = !name || labels().some((label) => label.name === name);
    addButton.textContent = `Add “${name}”${shown.length ? " (Ctrl+Enter)" : " (Enter)"}`;
    rows.element.hidden = !shown.length;
    rows.set(shown);
  }

  function create() {
    const name = input.value.trim();
    if (!name) return;
    done();
    add(name);
  }

  function done() {
    input.value = "";
    leave();
    update();
  }

  /** @param {KeyboardEvent} event */
  function keydown(event) {
    const { key } = event;
    if (key === "Enter" && (event.ctrlKey || event.metaKey || !shown.length)) create();
    else if (key === "Enter" && input.value) { const label = shown[marked]; done(); use(label); }
    else if (key === "Enter") leave();
    else if (key === "Escape") done();
    else if (key === "ArrowDown" || key === "ArrowUp") {
      marked = Math.max(0, Math.min(shown.length - 1, marked + (key === "ArrowDown" ? 1 : -1)));
      rows.reveal(marked);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  return { element, update, focus: () => input.focus() };
}
