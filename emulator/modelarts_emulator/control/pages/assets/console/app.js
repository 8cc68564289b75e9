// The frame: which page is shown, whose project it is, and what comes in live.

import { control, events, session } from "./api.js";
import { controlPage } from "./control.js";
import { datasetPage } from "./dataset.js";
import { datasetsPage } from "./datasets.js";
import { attempt, h, show } from "./dom.js";
import { requestsPage } from "./requests.js";

const PAGES = [["datasets", "Datasets"], ["requests", "Requests"], ["control", "Control"]];
const main = document.getElementById("main");
let page = null;

/** `#/datasets/<id>/<tab>` is a page with what follows its name. A page may have `onEvent` and `leave`. */
function open() {
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  page?.leave?.();
  for (const link of document.querySelectorAll("#pages a")) {
    if (link.hash === `#/${name || "datasets"}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const target = h("div.page", {});
  show(main, target);
  if (name === "requests") page = requestsPage(target);
  else if (name === "control") page = controlPage(target);
  else if (name === "datasets" && rest[0]) page = datasetPage(target, rest[0], rest[1] ?? "samples");
  else page = datasetsPage(target);
}

async function chooseProject() {
  const { projects } = (await attempt(() => control("GET", "projects"))) ?? { projects: [] };
  show(document.getElementById("projects"), projects.map(({ project_id, datasets }) => h("option", { value: project_id }, `${datasets} datasets`)));
  if (!session.project) session.project = projects[0]?.project_id ?? "my-project";
  document.getElementById("project").value = session.project;
}

document.getElementById("project").addEventListener("change", (event) => {
  session.project = event.target.value.trim() || session.project;
  event.target.value = session.project;
  if (location.hash === "#/datasets") open();
  else location.hash = "#/datasets";
});

show(document.getElementById("pages"), PAGES.map(([name, text]) => h("a", { href: `#/${name}` }, text)));
addEventListener("hashchange", open);
await chooseProject();
open();
events(
  (kind, data) => page?.onEvent?.(kind, data),
  (isLive) => {
    const sign = document.getElementById("live");
    sign.textContent = isLive ? "live" : "not connected";
    sign.classList.toggle("on", isLive);
  },
);
