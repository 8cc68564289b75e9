// How background tasks go on, and which of them wait.

import { callLine } from "../core/call-line.js";
import { debounced, h, select, show, table, turns } from "../core/dom.js";
import { control, controlUrl } from "../core/http.js";
import { attempt } from "../core/notes.js";

/** @typedef {import("../core/wire.js").Json} Json */

const MODES = [["immediate", "at once"], ["time", "after a time"], ["polls", "after some polls"], ["hold", "held"], ["fail", "fails"]];
/** @type {Object<string, Json>} */
const DETAILS = { time: { ms: 2000 }, polls: { polls: 3 } };

/** @returns {import("./control.js").Panel} */
export function transitionsPanel() {
  const body = h("div", {});
  /** @type {Json} */
  let rules = {};
  const changed = () => Object.fromEntries(Object.entries(rules).filter(([, rule]) => rule.mode && rule.mode !== "immediate"));
  const call = callLine(() => ({ method: "PUT", url: controlUrl("transitions"), body: changed() }));
  const soon = debounced(load, 200);

  /** @param {string} kind @param {Json} rule */
  async function put(kind, rule) {
    await attempt(() => control("PUT", "transitions", { body: { ...changed(), [kind]: rule } }));
    load();
  }

  const turn = turns();
  async function load() {
    if (body.querySelector("input:focus")) return; // what is being typed stays
    const isLatest = turn();
    const found = await attempt(() => control("GET", "transitions"));
    if (!found || !isLatest()) return;
    rules = found.transitions;
    const held = new Map();
    for (const each of found.held) held.set(each.kind, [...(held.get(each.kind) ?? []), each]);
    show(body,
      table(["Task", "Goes on", "Detail", "Waits"], Object.entries(rules).map(([kind, rule]) => h("tr", {}, h("th", { scope: "row" }, kind),
        h("td", {}, select({ "aria-label": `How ${kind} goes on`, onchange: (/** @type {any} */ event) => put(kind, { mode: event.target.value, ...DETAILS[event.target.value] }) }, MODES, rule.mode)),
        h("td", {}, detail(kind, rule)),
        h("td", {}, (held.get(kind) ?? []).map((/** @type {Json} */ each) => h("small", {}, h("a", { href: `#/datasets/${each.dataset_id}/tasks` }, each.dataset_id), ` before ${each.before}`)))))),
      found.held.length ? null : h("p.faint", {}, "Nothing is held."), call.element);
    call.update();
  }

  /** @param {string} kind @param {Json} rule */
  function detail(kind, rule) {
    const number = (/** @type {string} */ name, /** @type {string} */ unit) => h("label.row.tight", {}, h("input.short", { type: "number", min: 0, value: rule[name] ?? DETAILS[rule.mode][name], "aria-label": `${unit} of ${kind}`, onchange: (/** @type {any} */ event) => put(kind, { ...rule, [name]: Number(event.target.value) }) }), unit);
    if (rule.mode === "time") return number("ms", "ms");
    if (rule.mode === "polls") return number("polls", "polls");
    if (rule.mode === "fail") return h("input", { value: rule.code ?? "", placeholder: "error code", "aria-label": `Error code of ${kind}`, onchange: (/** @type {any} */ event) => put(kind, { ...rule, code: event.target.value || undefined }) });
    return rule.before ? `before ${rule.before}` : "";
  }

  return { title: "Tasks", body, load, soon, leave: soon.cancel };
}
