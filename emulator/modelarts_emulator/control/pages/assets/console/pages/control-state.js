// The clock, ids, snapshots, and the reset.

import { callLine } from "../core/call-line.js";
import { confirmed } from "../core/dialog.js";
import { button, bytes, check, count, field, h, select, show, time, turns } from "../core/dom.js";
import { control, controlFile, controlUrl, send } from "../core/http.js";
import { attempt, note } from "../core/notes.js";

/** @typedef {import("../core/wire.js").Json} Json */
/** @typedef {import("./control.js").Panel} Panel */

const HOUR_MS = 3600 * 1000;

/** @returns {Panel} */
export function clockPanel() {
  const body = h("div", {});
  /** @type {Json} */
  let last = { advance_ms: HOUR_MS };
  const call = callLine(() => ({ method: "PUT", url: controlUrl("clock"), body: last }));

  /** @param {Json | null} change */
  async function set(change) {
    const state = await attempt(() => (change ? control("PUT", "clock", { body: change }) : control("GET", "clock")));
    if (!state) return;
    if (change) last = change;
    call.update();
    const at = h("input", { type: "datetime-local", "aria-label": "Set to", step: 1 });
    show(body, h("p.big", {}, time(state.now_ms)), h("p.faint", {}, state.frozen ? "It stands still." : state.offset_ms ? `It is ${Math.round(state.offset_ms / 1000)} s off.` : "The machine's own time."),
      h("div.row", {},
        button(state.frozen ? "Go on" : "Freeze", () => set({ freeze: !state.frozen })),
        button("+1 hour", () => set({ advance_ms: HOUR_MS })), button("+1 day", () => set({ advance_ms: 24 * HOUR_MS })), button("Real", () => set({ real: true }))),
      h("form.row", { onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); if (at.value) set({ at: new Date(at.value).getTime() }); } }, at, h("button", {}, "Set")), call.element);
  }
  return { title: "Clock", body, load: () => set(null) };
}

/** @returns {Panel} */
export function idsPanel() {
  const seed = h("input", { "aria-label": "Seed", placeholder: "seed", autocomplete: "off" });
  const value = () => (seed.value === "" ? null : /^\d{1,15}$/.test(seed.value) ? Number(seed.value) : seed.value);
  const call = callLine(() => ({ method: "PUT", url: controlUrl("ids"), body: { seed: value() } }));
  seed.addEventListener("input", call.update);
  const set = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (await attempt(() => control("PUT", "ids", { body: { seed: value() } }))) note(seed.value ? "The same calls now give the same ids." : "Ids are random again.");
  };
  const body = h("div", {}, h("p.faint", {}, "With a seed, the same calls give the same ids; without one they are random."),
    h("form.row", { onsubmit: set }, seed, h("button", {}, "Seed the ids")), call.element);
  return { title: "Ids", body, load: call.update };
}

/** @returns {Panel} */
export function snapshotsPanel() {
  const body = h("div", {});
  const name = h("input", { required: true, pattern: "[A-Za-z0-9_\\-][A-Za-z0-9_.\\-]{0,63}", placeholder: "name", "aria-label": "Name", autocomplete: "off" });
  const mounts = check("with the files of mounted folders", {});
  const call = callLine(() => ({ method: "PUT", url: controlUrl(`snapshots/${encodeURIComponent(name.value || "name")}`, { mounts: mounts.input.checked || undefined }) }));
  const file = h("input", { type: "file", accept: ".zip", class: "hidden", tabindex: "-1", "aria-label": "Snapshot file", onchange: () => upload() });
  const list = h("ul.list", {});
  const busy = h("progress.thin", { hidden: true, "aria-label": "working" });
  body.addEventListener("input", call.update);

  /** @param {() => Promise<any>} action @param {string} done */
  async function run(action, done) {
    busy.hidden = false;
    if (await attempt(async () => { await action(); return true; })) note(done);
    busy.hidden = true;
    load();
  }

  const save = (/** @type {Event} */ event) => {
    event.preventDefault();
    run(() => control("PUT", `snapshots/${encodeURIComponent(name.value)}`, { parameters: { mounts: mounts.input.checked || undefined } }), `${name.value} is kept.`);
  };
  const upload = () => {
    const chosen = file.files?.[0];
    if (chosen) run(() => send(controlUrl(`snapshots/${encodeURIComponent(chosen.name.replace(/\.zip$/i, ""))}/archive`), "PUT", chosen, {}, true), `${chosen.name} is kept.`);
    file.value = "";
  };

  const turn = turns();
  async function load() {
    const isLatest = turn();
    const found = await attempt(() => control("GET", "snapshots"));
    if (!isLatest()) return;
    show(list, (found?.snapshots ?? []).map(row), found?.snapshots.length ? null : h("li.faint", {}, "Nothing is kept yet."));
  }

  /** @param {Json} each */
  function row(each) {
    const path = `snapshots/${encodeURIComponent(each.name)}`;
    return h("li", {}, h("strong", {}, each.name), h("span.faint", {}, ` ${time(each.created_ms)}, ${each.datasets} datasets, ${count(each.files)} objects, ${bytes(each.bytes)}`),
      h("div.row", {},
        button("Put back", async () => {
          if (await confirmed(`Put back ${each.name}?`, "Everything becomes what it was; what is there now is lost.", "Put back")) run(() => control("POST", path), "It is put back.");
        }, { "aria-label": `Put back ${each.name}` }),
        button("Download", () => download(each.name), { class: "quiet", "aria-label": `Download ${each.name}` }),
        button("Delete", async () => {
          if (await confirmed(`Delete ${each.name}?`, "The snapshot is deleted for good.", "Delete")) run(() => control("DELETE", path), `${each.name} is deleted.`);
        }, { class: "quiet", "aria-label": `Delete ${each.name}` })));
  }

  show(body, h("form", { onsubmit: save }, h("div.row", {}, name, h("button.main", {}, "Keep everything"), button("Upload", () => file.click()), file), mounts.element), busy, call.element, list);
  return { title: "Snapshots", body, load };
}

/** @param {string} name */
async function download(name) {
  const file = await attempt(() => controlFile(`snapshots/${encodeURIComponent(name)}/archive`));
  if (!file) return;
  const link = h("a", { href: URL.createObjectURL(file), download: `${name}.zip` });
  link.click();
  URL.revokeObjectURL(link.href);
}

/** @returns {Panel} */
export function resetPanel() {
  const project = select({ "aria-label": "Project to reset" }, [["", "everything"]], "");
  const objects = check("the emulator's own buckets as well", { checked: true });
  const parameters = () => ({ project_id: project.value || undefined, objects: objects.input.checked ? undefined : false });
  const call = callLine(() => ({ method: "POST", url: controlUrl("reset", parameters()) }));
  const body = h("div", {}, h("p.faint", {}, "Deletes every dataset, version and task, requests, faults and transitions; or those of one project."),
    field("What", project), objects.element,
    button("Reset", async () => {
      const what = project.value ? `the project ${project.value}` : "everything";
      if (!(await confirmed(`Reset ${what}?`, "This cannot be undone, except from a snapshot.", "Reset"))) return;
      const done = await attempt(() => control("POST", "reset", { parameters: parameters() }));
      if (done) note(`${done.datasets} datasets are deleted.`);
      load();
    }, { class: "danger" }), call.element);
  body.addEventListener("input", call.update);

  const turn = turns();
  async function load() {
    const isLatest = turn();
    const found = await attempt(() => control("GET", "projects"));
    if (!isLatest()) return;
    const { value } = project;
    show(project, h("option", { value: "" }, "everything"), (found?.projects ?? []).map((/** @type {Json} */ each) => h("option", { value: each.project_id, selected: each.project_id === value }, `${each.project_id} (${each.datasets} datasets)`)));
    call.update();
  }
  return { title: "Reset", body, load };
}
