// The frame: which page is shown, whose project it is, and what comes in live.

import { h, show } from "./core/dom.js";
import { control, session } from "./core/http.js";
import { events } from "./core/live.js";
import { attempt, clearNotes } from "./core/notes.js";
import { controlPage } from "./pages/control.js";
import { datasetPage } from "./pages/dataset.js";
import { datasetsPage } from "./pages/datasets.js";
import { objectsPage } from "./pages/objects.js";
import { requestsPage } from "./pages/requests.js";
import { teamsPage } from "./pages/teams.js";

/** @typedef {{onEvent?: (kind: string, data: any) => void, leave?: () => void}} Page */

const PAGES = [["datasets", "Datasets"], ["teams", "Teams"], ["objects", "Objects"], ["requests", "Requests"], ["control", "Control"]];
const element = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const main = element("main");
const projectInput = /** @type {HTMLInputElement} */ (element("project"));
/** @type {Page} */
let page = {};

/** Show the page that the address names: `#/datasets/<id>/<tab>`. */
function open() {
  const [name, ...rest] = parts(location.hash);
  page.leave?.();
  clearNotes();
  for (const box of document.querySelectorAll("dialog[open]")) /** @type {HTMLDialogElement} */ (box).close();
  for (const link of document.querySelectorAll("#pages a")) {
    if (/** @type {HTMLAnchorElement} */ (link).hash === `#/${name || "datasets"}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const target = h("div.page", {});
  show(main, target);
  if (name === "requests") page = requestsPage(target);
  else if (name === "control") page = controlPage(target);
  else if (name === "teams") page = teamsPage(target);
  else if (name === "objects") page = objectsPage(target, rest);
  else if (name === "datasets" && rest[0]) page = datasetPage(target, rest[0], rest[1] || "samples");
  else page = datasetsPage(target);
}

/** @param {string} hash @returns {string[]} */
function parts(hash) {
  return hash.replace(/^#\/?/, "").split("/").map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
}

async function chooseProject() {
  const { projects } = (await attempt(() => control("GET", "projects"))) ?? { projects: [] };
  show(element("projects"), projects.map((/** @type {any} */ { project_id, datasets }) => h("option", { value: project_id }, `${datasets} datasets`)));
  if (!session.project) session.project = projects[0]?.project_id ?? "my-project";
  projectInput.value = session.project;
}

projectInput.addEventListener("change", () => {
  session.project = projectInput.value.trim() || session.project;
  projectInput.value = session.project;
  if (location.hash === "#/datasets") open();
  else location.hash = "#/datasets";
});

show(element("pages"), PAGES.map(([name, text]) => h("a", { href: `#/${name}` }, text)));
addEventListener("hashchange", open);
await chooseProject();
open();
events(
  (kind, data) => page.onEvent?.(kind, data),
  (isLive) => {
    const sign = element("live");
    sign.textContent = isLive ? "live" : "not connected";
    sign.classList.toggle("on", isLive);
  },
);
