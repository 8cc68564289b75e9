// Labelling teams, their members, and the e-mails that the service would have sent.

import { callLine } from "../core/call-line.js";
import { confirmed, dialog, formDialog } from "../core/dialog.js";
import { button, count, debounced, field, h, select, show, table, time } from "../core/dom.js";
import { control, projectUrl, requireAll, session, team } from "../core/http.js";
import { attempt } from "../core/notes.js";
import { addresses, ROLES } from "../model/teams.js";

/** @typedef {import("../core/wire.js").Json} Json */

const SHOWN_MAILS = 100;

/** @param {HTMLElement} target */
export function teamsPage(target) {
  document.title = "Teams – ModelArts emulator";
  const search = h("input", { type: "search", placeholder: "Find a team", "aria-label": "Find a team", oninput: debounced(() => load(), 200) });
  const body = h("div.scroll", {});
  const mails = h("div.scroll", {});
  show(target, h("div.bar.head", {}, h("h1", {}, "Teams"), search, h("span.spring", {}), button("New team", () => teamDialog(null, load), { class: "main" })),
    body, h("h2", {}, "Sent e-mails"), h("p.faint", {}, "No e-mail leaves this machine: they are kept here."), mails);

  async function load() {
    const [found, sent] = await Promise.all([
      attempt(() => team("GET", "", { parameters: { limit: 100, search_content: search.value } })),
      attempt(() => control("GET", "mails", { parameters: { project_id: session.project } })),
    ]);
    const teams = found?.workforces ?? [];
    show(body, teams.length ? table(["Team", "#Members", "Made", ".Do"], teams.map(row)) : h("div.empty", {},
      h("p", {}, search.value ? "No team matches." : "No teams yet."), h("p.faint", {}, "A team labels the samples of a dataset; make a task for it on the dataset's page, under team.")));
    const list = (sent?.mails ?? []).slice(-SHOWN_MAILS).reverse();
    show(mails, list.length ? table(["To", "Subject", "Sent"], list.map((/** @type {Json} */ mail) => h("tr", {}, h("th", { scope: "row" }, mail.email), h("td", {}, mail.subject), h("td", {}, time(mail.time)))))
      : h("p.faint", {}, "None yet: a task that starts writes to its members."));
  }

  /** @param {Json} each */
  function row(each) {
    const { workforce_id: id, workforce_name: name } = each;
    return h("tr", {},
      h("th", { scope: "row" }, name, each.description ? h("small.faint", {}, each.description) : null),
      h("td.number", {}, count(each.worker_count)), h("td", {}, time(each.create_time)),
      h("td.actions", {},
        button("Members", () => membersDialog(each, load), { class: "quiet", "aria-label": `Members of ${name}` }),
        button("Edit", () => teamDialog(each, load), { class: "quiet", "aria-label": `Edit ${name}` }),
        button("Delete", async () => {
          if (!(await confirmed(`Delete ${name}?`, "The team and its members are deleted.", "Delete"))) return;
          await attempt(() => team("DELETE", `/${id}`));
          load();
        }, { class: "quiet", "aria-label": `Delete ${name}` })));
  }

  load();
  return {};
}

/** @param {Json | null} known The team to change; none to make one @param {() => void} done */
function teamDialog(known, done) {
  const name = h("input", { required: true, pattern: "[A-Za-z0-9_\\-]{1,64}", value: known?.workforce_name ?? "", autocomplete: "off" });
  const description = h("textarea", { rows: 2, maxlength: 256, value: known?.description ?? "" });
  const body = () => ({ workforce_name: name.value, ...(description.value || known ? { description: description.value } : {}) });
  const [method, path] = known ? ["PUT", `/${known.workforce_id}`] : ["POST", ""];
  const call = callLine(() => ({ method, url: projectUrl(`/workforces${path}`), body: body() }));
  const box = formDialog(known ? "Edit the team" : "New team", known ? "Save" : "Create", [field("Name", name, "letters, digits, _ and -"), field("Description", description), call.element], async () => {
    await team(method, path, { body: body() });
    done();
  });
  box.addEventListener("input", call.update);
}

/** @param {Json} each The team @param {() => void} done */
function membersDialog({ workforce_id: id, workforce_name: name }, done) {
  const body = h("div.scroll", {});
  const emails = h("input", { required: true, placeholder: "a@example.com, b@example.com", autocomplete: "off" });
  const role = select({}, ROLES.slice(0, 3).map((text, number) => [number, text]), 0);
  const said = h("p.bad", { role: "alert" });

  async function load() {
    const workers = (await attempt(() => team("GET", `/${id}/workers`, { parameters: { limit: 100, sort_by: "email", order: "asc" } })))?.workers ?? [];
    show(body, workers.length ? table(["Address", "Role", "Added", ".Do"], workers.map(row)) : h("p.faint", {}, "No members yet."));
  }

  /** @param {Json} worker */
  function row(worker) {
    const { worker_id, email } = worker;
    return h("tr", {}, h("th", { scope: "row" }, email),
      h("td", {}, select({ "aria-label": `Role of ${email}`, onchange: (/** @type {any} */ event) => change(() => team("PUT", `/${id}/workers/${worker_id}`, { body: { role: Number(event.target.value) } })) },
        ROLES.slice(0, 3).map((text, number) => [number, text]), worker.role)),
      h("td", {}, time(worker.create_time)),
      h("td.actions", {}, button("Remove", () => change(() => team("DELETE", `/${id}/workers/${worker_id}`)), { class: "quiet", "aria-label": `Remove ${email}` })));
  }

  /** @param {() => Promise<any>} action */
  async function change(action) {
    said.textContent = "";
    try {
      requireAll(await action());
    } catch (error) {
      said.textContent = /** @type {Error} */ (error).message;
    }
    await load();
  }

  /** @param {Event} event */
  async function add(event) {
    event.preventDefault();
    await change(() => team("POST", `/${id}/workers`, { body: { emails: addresses(emails.value), role: Number(role.value) } }));
    if (!said.textContent) emails.value = "";
  }

  const box = dialog(`Members of ${name}`, () => [body, h("form.row", { onsubmit: add }, field("Addresses", emails), field("Role", role), h("button.main", {}, "Add")), said], "wide");
  box.addEventListener("close", done);
  load();
}
