// What is to go wrong, how tasks go on, what time it is, and what is kept.

import { control, controlFile } from "./api.js";
import { attempt, confirmed, count, field, h, note, select, show, time } from "./dom.js";

const MODES = ["immediate", "time", "polls", "hold", "fail"];
const EFFECTS = [["status", "status"], ["error", "error code"], ["delay_ms", "delay, ms"], ["cut", "cut connection"], ["truncate", "cut body at"]];
const HOUR_MS = 3600 * 1000;

export function controlPage(target) {
  const parts = [faults(), transitions(), clock(), snapshots(), reset()];
  show(target, h("h1", {}, "Control"), h("div.panels", {}, parts.map(({ title, body }) => h("section.panel", {}, h("h2", {}, title), body))));
  for (const part of parts) part.load?.();
  return { onEvent: (kind) => kind === "request" && parts[0].soon() };
}

function faults() {
  const body = h("div", {});
  const operations = h("datalist", { id: "operations" });
  const operation = h("input", { list: "operations", placeholder: "every operation", "aria-label": "Operation" });
  const effect = select({ "aria-label": "Effect" }, EFFECTS, "status");
  const value = h("input", { value: "503", required: true, "aria-label": "Value" });
  const times = h("input", { type: "number", min: 1, placeholder: "always", "aria-label": "How often" });
  const list = h("tbody", {});
  let waiting = 0;
  effect.addEventListener("change", () => {
    value.value = { status: "503", error: "ModelArts.4352", delay_ms: "1000", cut: "before", truncate: "10" }[effect.value];
  });
  const add = async (event) => {
    event.preventDefault();
    const isNumber = ["status", "delay_ms", "truncate"].includes(effect.value);
    const fault = { [effect.value]: isNumber ? Number(value.value) : value.value };
    if (operation.value) fault.operation = operation.value;
    if (times.value) fault.times = Number(times.value);
    if (await attempt(() => control("POST", "faults", { body: fault }))) note("The fault is in force.");
    load();
  };
  show(body, operations,
    h("form.fault", { onsubmit: add }, field("Operation", operation), field("Effect", effect), field("Value", value), field("Times", times), h("button.main", {}, "Add")),
    h("table", {}, h("thead", {}, h("tr", {}, ["Fault", "For", "Hits", "End"].map((each) => h("th", { scope: "col" }, each)))), list));

  async function load() {
    const found = await attempt(() => control("GET", "faults"));
    show(list, (found?.faults ?? []).map(({ id, matched, hits, fault }) => h("tr", {}, h("th", { scope: "row" }, id),
      h("td", {}, h("code", {}, JSON.stringify(fault))), h("td.number", {}, `${hits} of ${matched}`),
      h("td", {}, h("button.quiet", { type: "button", "aria-label": `End ${id}`, onclick: async () => { await attempt(() => control("DELETE", `faults/${id}`)); load(); } }, "End")))));
  }

  async function names() {
    const found = await attempt(() => control("GET", "coverage"));
    show(operations, (found?.operations ?? []).map((each) => h("option", { value: each.operation })));
  }

  return { title: "Faults", body, load: () => { load(); names(); }, soon: () => { clearTimeout(waiting); waiting = setTimeout(load, 300); } };
}

function transitions() {
  const body = h("div", {});
  async function load() {
    const found = await attempt(() => control("GET", "transitions"));
    if (!found) return;
    const rules = found.transitions;
    const put = async (kind, rule) => {
      await attempt(() => control("PUT", "transitions", { body: { ...rules, [kind]: rule } }));
      load();
    };
    show(body,
      h("table", {}, h("thead", {}, h("tr", {}, ["Task", "Goes on", "Detail"].map((each) => h("th", { scope: "col" }, each)))),
        h("tbody", {}, Object.entries(rules).map(([kind, rule]) => h("tr", {}, h("th", { scope: "row" }, kind),
          h("td", {}, select({ "aria-label": `How ${kind} goes on`, onchange: (event) => put(kind, { mode: event.target.value, ...(event.target.value === "time" ? { ms: 2000 } : {}) }) }, MODES, rule.mode)),
          h("td", {}, rule.mode === "time" ? `${rule.ms ?? 0} ms` : rule.mode === "polls" ? `${rule.polls ?? 1} polls` : rule.mode === "fail" ? rule.code ?? "TASK_FAILED" : ""))))),
      found.held.length ? h("p", {}, "Held: ", found.held.map((each) => `${each.kind} of ${each.dataset_id} before ${each.before}`).join("; ")) : h("p.faint", {}, "Nothing is held."));
  }
  return { title: "Tasks", body, load };
}

function clock() {
  const body = h("div", {});
  async function set(change) {
    const state = await attempt(() => (change ? control("PUT", "clock", { body: change }) : control("GET", "clock")));
    if (!state) return;
    const at = h("input", { type: "datetime-local", "aria-label": "Set to", step: 1 });
    show(body, h("p.big", {}, time(state.now_ms)), h("p.faint", {}, state.frozen ? "It stands still." : state.offset_ms ? `It is ${Math.round(state.offset_ms / 1000)} s off.` : "The machine's own time."),
      h("div.row", {},
        h("button", { type: "button", onclick: () => set({ freeze: !state.frozen }) }, state.frozen ? "Go on" : "Freeze"),
        h("button", { type: "button", onclick: () => set({ advance_ms: HOUR_MS }) }, "+1 hour"),
        h("button", { type: "button", onclick: () => set({ advance_ms: 24 * HOUR_MS }) }, "+1 day"),
        h("button", { type: "button", onclick: () => set({ real: true }) }, "Real")),
      h("form.row", { onsubmit: (event) => { event.preventDefault(); if (at.value) set({ at: new Date(at.value).getTime() }); } }, at, h("button", {}, "Set")));
  }
  return { title: "Clock", body, load: () => set(null) };
}

function snapshots() {
  const body = h("div", {});
  async function load() {
    const found = await attempt(() => control("GET", "snapshots"));
    const name = h("input", { required: true, pattern: "[A-Za-z0-9_\\-][A-Za-z0-9_.\\-]{0,63}", placeholder: "name", "aria-label": "Name" });
    const save = async (event) => {
      event.preventDefault();
      if (await attempt(() => control("PUT", `snapshots/${encodeURIComponent(name.value)}`))) note(`${name.value} is kept.`);
      load();
    };
    show(body, h("form.row", { onsubmit: save }, name, h("button.main", {}, "Keep everything")),
      h("ul.list", {}, (found?.snapshots ?? []).map((each) => h("li", {}, h("strong", {}, each.name), h("span.faint", {}, ` ${time(each.created_ms)}, ${each.datasets} datasets, ${count(each.files)} objects`),
        h("div.row", {},
          h("button", { type: "button", "aria-label": `Put back ${each.name}`, onclick: async () => {
            if (await confirmed(`Put back ${each.name}?`, "Everything becomes what it was; what is there now is lost.", "Put back")) {
              if (await attempt(() => control("POST", `snapshots/${encodeURIComponent(each.name)}`))) note("It is put back.");
            }
          } }, "Put back"),
          h("button.quiet", { type: "button", "aria-label": `Download ${each.name}`, onclick: () => download(each.name) }, "Download"),
          h("button.quiet", { type: "button", "aria-label": `Delete ${each.name}`, onclick: async () => {
            if (await confirmed(`Delete ${each.name}?`, "The snapshot is gone then.", "Delete")) await attempt(() => control("DELETE", `snapshots/${encodeURIComponent(each.name)}`));
            load();
          } }, "Delete"))))));
  }
  return { title: "Snapshots", body, load };
}

async function download(name) {
  const file = await attempt(() => controlFile(`snapshots/${encodeURIComponent(name)}/archive`));
  if (!file) return;
  const link = h("a", { href: URL.createObjectURL(file), download: `${name}.zip` });
  link.click();
  URL.revokeObjectURL(link.href);
}

function reset() {
  const body = h("div", {}, h("p.faint", {}, "Deletes every dataset, version and task, and the emulator's own buckets."),
    h("button.danger", { type: "button", onclick: async () => {
      if (!(await confirmed("Reset everything?", "All datasets and the emulator's own buckets go.", "Reset"))) return;
      const done = await attempt(() => control("POST", "reset"));
      if (done) note(`${done.datasets} datasets are gone.`);
    } }, "Reset"));
  return { title: "Reset", body };
}
