// The team labelling tasks of a dataset.

import { callLine } from "../core/call-line.js";
import { confirmed, formDialog } from "../core/dialog.js";
import { button, check, count, field, h, show, table, time } from "../core/dom.js";
import { api, apiUrl, team } from "../core/http.js";
import { attempt, note } from "../core/notes.js";
import { countsText, CREATED, progressOf, TASK_STATES, TEAM_TYPES } from "../model/teams.js";
import { workDialog } from "./team-work.js";

/** @typedef {import("../core/wire.js").Json} Json */

/** @param {HTMLElement} target @param {import("./dataset.js").OpenDataset} context */
export function teamTasksTab(target, context) {
  const { id, dataset } = context;
  if (!TEAM_TYPES.has(dataset.dataset_type)) {
    show(target, h("div.empty", {}, h("p", {}, "Teams do not label datasets of this type.")));
    return undefined;
  }
  const body = h("div", {});
  show(target, h("div.bar", {}, button("New team task", () => taskDialog(context, load), { class: "main" }), h("a", { href: "#/teams" }, "Teams and members")), body);

  async function load() {
    const found = await attempt(() => api("GET", `/${id}/workforce-tasks`));
    if (!found) return;
    show(body, found.tasks?.length ? table(["Task", "State", "Samples", "How far", "Made", ".Do"], found.tasks.map(row)) : h("div.empty", {},
      h("p", {}, "No team labels this dataset."), h("p.faint", {}, "A task gives the unlabelled samples to the labelers of a team, evenly. Their labels reach the dataset when they are accepted.")));
  }

  /** @param {Json} task */
  function row(task) {
    const { task_id, task_name: name, status, sample_stats: stats } = task;
    const [state, kind] = TASK_STATES[status] ?? [String(status), ""];
    const { done, total } = progressOf(stats);
    return h("tr", {},
      h("th", { scope: "row" }, name ?? task_id),
      h("td", {}, h("span", { class: `tag ${kind}` }, state)), h("td", {}, countsText(stats)),
      h("td", {}, h("progress.thin", { max: Math.max(1, total), value: done, "aria-label": "labelled" }), ` ${count(done)} of ${count(total)}`),
      h("td", {}, time(task.create_time)),
      h("td.actions", {},
        button("Open", () => workDialog(context, task_id, load), { class: "quiet", "aria-label": `Open ${name}` }),
        status === CREATED ? button("Start", () => taskDialog(context, load, task), { class: "quiet", "aria-label": `Start ${name}` }) : null,
        button("Delete", async () => {
          if (!(await confirmed(`Delete ${name}?`, "Labels that are not accepted are lost; those of the dataset stay.", "Delete"))) return;
          await attempt(() => api("DELETE", `/${id}/workforce-tasks/${task_id}`));
          load();
        }, { class: "quiet", "aria-label": `Delete ${name}` })));
  }

  load();
  return { changed: load };
}

/** @param {import("./dataset.js").OpenDataset} context @param {() => void} done @param {Json} [known] The task to start; without it a new one is made */
async function taskDialog({ id, dataset }, done, known) {
  const found = await attempt(() => team("GET", "", { parameters: { limit: 100 } }));
  if (!found) return;
  /** @type {Array<{each: Json, input: HTMLInputElement, element: HTMLElement}>} */
  const teams = (found.workforces ?? []).map((/** @type {Json} */ each) => ({ each, ...check(`${each.workforce_name} (${count(each.worker_count)} members)`, {}) }));
  if (teams.length) teams[0].input.checked = true;
  const name = h("input", { required: true, pattern: "[A-Za-z0-9_\\-]{1,64}", value: `${dataset.dataset_name}-team`.slice(0, 64), autocomplete: "off" });
  const repetition = h("input", { type: "number", min: 1, value: "1" });
  const follows = check("give new samples to the team as well", { checked: true });
  const path = known ? `/${id}/workforce-tasks/${known.task_id}` : `/${id}/workforce-tasks`;
  const call = callLine(() => ({ method: "POST", url: apiUrl(path), body: body() }));

  function body() {
    const workforces = teams.filter(({ input }) => input.checked).map(({ each }) => ({ workforce_id: each.workforce_id }));
    const config = { workforces_config: { workforces } };
    return known ? config : { task_name: name.value, repetition: Number(repetition.value || 1), synchronize_data: follows.input.checked, ...config };
  }

  const none = h("p", {}, "There is no team yet. ", h("a", { href: "#/teams" }, "Make one first."));
  const box = formDialog(known ? "Start the task" : "New team task", known ? "Start" : "Create and start", [
    known ? null : field("Name", name, "letters, digits, _ and -"),
    h("fieldset", {}, h("legend", {}, "Teams"), teams.length ? teams.map(({ element }) => element) : none),
    known ? null : field("Labelers for each sample", repetition), known ? null : follows.element, call.element,
  ], async () => {
    await api("POST", path, { body: body() });
    note("The samples have been given to the team.");
    done();
  });
  box.addEventListener("input", call.update);
}
