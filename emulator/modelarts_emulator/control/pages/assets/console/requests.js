// What clients have sent, as it comes in.

import { control, controlText } from "./api.js";
import { attempt, h, note, show } from "./dom.js";

const KEPT = 1000;
const SHOWN = 300;

export function requestsPage(target) {
  const filter = h("input", { type: "search", placeholder: "operation, path, status, project", "aria-label": "Filter", oninput: draw });
  const errors = h("input", { type: "checkbox", onchange: draw });
  const rows = h("tbody", {});
  const details = h("aside.details", { "aria-label": "The chosen request", tabindex: "-1" });
  let requests = [];
  let waiting = 0;
  show(target,
    h("div.bar", {}, h("h1", {}, "Requests"), filter, h("label", {}, errors, " only errors"), h("span.spring", {}),
      h("button", { type: "button", onclick: forget }, "Forget them")),
    h("div.split", {}, h("div.scroll", { tabindex: "0", "aria-label": "The latest requests", role: "region" }, h("table.log", {},
      h("thead", {}, h("tr", {}, ["#", "Time", "Method", "What", "Status", "ms", "Warnings"].map((each) => h("th", { scope: "col" }, each)))), rows)), details));

  function matches(request) {
    if (errors.checked && request.status < 400 && request.status !== 0) return false;
    const text = `${request.operation ?? ""} ${request.method} ${request.url} ${request.status} ${request.error_code ?? ""} ${request.project_id ?? ""}`.toLowerCase();
    return filter.value.toLowerCase().split(/\s+/).every((word) => text.includes(word));
  }

  function draw() {
    show(rows, requests.filter(matches).slice(-SHOWN).reverse().map((request) => {
      const path = new URL(request.url).pathname;
      return h("tr", {},
        h("td.number", {}, request.number), h("td", {}, new Date(request.time_ms).toLocaleTimeString()), h("td", {}, request.method),
        h("td", {}, h("button.quiet", { type: "button", onclick: () => choose(request) }, request.operation ?? request.service), h("small.faint", {}, path)),
        h("td", {}, h(request.status >= 400 || request.status === 0 ? "span.tag.bad" : "span.tag.good", {}, request.status || "cut"),
          request.error_code ? h("small", {}, ` ${request.error_code}`) : null, request.fault ? h("span.tag.busy", {}, request.fault) : null),
        h("td.number", {}, request.duration_ms.toFixed(1)), h("td", {}, h("small", {}, request.warnings ?? "")));
    }));
  }

  function choose(request) {
    const part = (title, message) => [h("h3", {}, title), h("pre", { tabindex: "0" },
      `${Object.entries(message.headers).map(([name, value]) => `${name}: ${value}`).join("\n")}\n\n${pretty(message.body)}`)];
    show(details, h("h2", {}, `${request.method} ${request.operation ?? request.service}, ${request.status || "cut"}`),
      h("p.path", {}, request.url),
      h("div.row", {}, ["curl", "python", "pytest"].map((format) => h("button", { type: "button", onclick: () => copy(request, format) }, `Copy as ${format}`))),
      part("Request", request.request), part("Answer", request.response));
    details.focus();
  }

  async function copy(request, format) {
    const text = await attempt(() => controlText("requests", { number: request.number, format }));
    if (text === undefined) return;
    await attempt(() => navigator.clipboard.writeText(text));
    note(`Copied as ${format}.`);
  }

  async function forget() {
    await attempt(() => control("DELETE", "requests"));
    requests = [];
    show(details);
    draw();
  }

  (async () => {
    requests = (await attempt(() => control("GET", "requests")))?.requests ?? [];
    draw();
  })();
  return {
    onEvent(kind, data) {
      if (kind !== "request" || requests.at(-1)?.number >= data.number) return;
      requests.push(data);
      if (requests.length > KEPT) requests.shift();
      cancelAnimationFrame(waiting);
      waiting = requestAnimationFrame(draw);
    },
    leave: () => cancelAnimationFrame(waiting),
  };
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text ?? "";
  }
}
