// Faults: which requests they are for, what happens to these, and how many were hit so far.

import { callLine } from "../core/call-line.js";
import { button, check, debounced, field, h, select, show, table, turns } from "../core/dom.js";
import { control, controlUrl } from "../core/http.js";
import { attempt, note } from "../core/notes.js";

/** @typedef {import("../core/wire.js").Json} Json */

/** @type {Array<[string, string, string]>} */
const EFFECTS = [["status", "status", "503"], ["error", "error code", "ModelArts.4352"], ["delay_ms", "delay, ms", "1000"], ["cut", "cut connection", "before"], ["truncate", "cut body at byte", "10"]];
const NUMBERS = new Set(["status", "delay_ms", "truncate", "nth", "times", "probability"]);

/** @returns {import("./control.js").Panel} */
export function faultsPanel() {
  const body = h("div", {});
  const operations = h("datalist", { id: "operations" });
  const operation = h("input", { list: "operations", placeholder: "every operation", autocomplete: "off" });
  const effect = select({}, EFFECTS.map(([value, text]) => [value, text]), "status");
  const value = h("input", { value: "503", required: true });
  const times = h("input", { type: "number", min: 1, placeholder: "always", "aria-label": "How often" });
  const service = select({}, [["", "every service"], "modelarts", "iam", "obs"], "");
  const project = h("input", { placeholder: "every project" });
  const method = select({}, [["", "every method"], "GET", "HEAD", "POST", "PUT", "DELETE"], "");
  const path = h("input", { placeholder: "/bucket/*.jpg" });
  const nth = h("input", { type: "number", min: 1, placeholder: "1" });
  const probability = h("input", { type: "number", min: 0, max: 1, step: 0.01, placeholder: "1" });
  const seed = h("input", { placeholder: "none" });
  const delay = h("input", { type: "number", min: 0, placeholder: "0" });
  const only = check("keep the fields for the next one", {});
  const list = h("div.faults", { "aria-live": "polite" });
  const call = callLine(() => ({ method: "POST", url: controlUrl("faults"), body: fault() }));
  const soon = debounced(load, 200);
  const said = h("p.bad", { role: "alert" });

  function fault() {
    /** @type {Json} */
    const found = {};
    const set = (/** @type {string} */ name, /** @type {string} */ text) => { if (text !== "") found[name] = NUMBERS.has(name) ? Number(text) : text; };
    set("operation", operation.value);
    set("service", service.value);
    set("project_id", project.value);
    set("method", method.value);
    set("path", path.value);
    set("nth", nth.value);
    set("times", times.value);
    set("probability", probability.value);
    set("seed", seed.value);
    set("delay_ms", delay.value);
    set(effect.value, value.value);
    return found;
  }

  effect.addEventListener("change", () => { value.value = EFFECTS.find(([name]) => name === effect.value)?.[2] ?? ""; call.update(); });
  body.addEventListener("input", call.update);

  /** @param {Event} event */
  const add = async (event) => {
    event.preventDefault();
    said.textContent = "";
    try {
      await control("POST", "faults", { body: fault() });
      note("The fault is active.");
      if (!only.input.checked) for (const input of [operation, project, path, nth, times, probability, seed, delay]) input.value = "";
      call.update();
    } catch (error) {
      said.textContent = /** @type {Error} */ (error).message;
    }
    load();
  };
  show(body, operations,
    h("form", { onsubmit: add },
      h("div.fault", {}, field("Operation", operation), field("Effect", effect), field("Value", value), field("Times", times), h("button.main", {}, "Add")),
      h("details", {}, h("summary", {}, "Which requests, more closely"), h("div.fault", {}, field("Service", service), field("Project", project), field("Method", method), field("Path", path),
        field("From the nth on", nth), field("Probability", probability), field("Seed", seed), field("Delay, ms", delay)), only.element),
      said, call.element), list);

  const turn = turns();
  async function load() {
    const isLatest = turn();
    const found = await attempt(() => control("GET", "faults"));
    if (!found || !isLatest()) return;
    const rows = found.faults.map((/** @type {Json} */ { id, matched, hits, fault: each }) => h("tr", {}, h("th", { scope: "row" }, id),
      h("td", {}, h("code", {}, JSON.stringify(each))), h("td.number", {}, h("strong", {}, hits), ` of ${matched}`),
      h("td", {}, button("End", async () => { await attempt(() => control("DELETE", `faults/${id}`)); load(); }, { class: "quiet", "aria-label": `End ${id}` }))));
    show(list, rows.length ? [table(["Fault", "For", "#Hits", ".Do"], rows), h("div.buttons", {}, button("End all", async () => { await attempt(() => control("DELETE", "faults")); load(); }))]
      : h("p.faint", {}, "No fault is active: everything works."));
  }

  async function names() {
    const found = await attempt(() => control("GET", "coverage"));
    show(operations, (found?.operations ?? []).map((/** @type {Json} */ each) => h("option", { value: each.operation })));
  }

  return { title: "Faults", body, load: () => { load(); names(); }, soon, leave: soon.cancel };
}
