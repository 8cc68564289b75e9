// What clients have sent, as it comes in.

import { button, check, debounced, h, select, show, table } from "../core/dom.js";
import { control, controlText, session } from "../core/http.js";
import { attempt, copyText } from "../core/notes.js";
import { toJavaScript } from "../model/calls.js";
import { clientOf, isShown } from "../model/filtering.js";

/** @typedef {import("../core/wire.js").Json} Json */

const KEPT = 1000;
const SHOWN = 200;
const STATUSES = [["", "every status"], ["error", "errors"], ["fault", "hit by a fault"], ["2xx", "2xx"], ["3xx", "3xx"], ["4xx", "4xx"], ["5xx", "5xx"]];
const FORMATS = [["curl", "curl"], ["python", "Python"], ["pytest", "pytest"], ["har", "HAR"], ["javascript", "JavaScript"]];

/** @param {HTMLElement} target */
export function requestsPage(target) {
  const text = h("input", { type: "search", placeholder: "text, path, id", "aria-label": "Filter", oninput: debounced(draw, 80) });
  const operation = select({ "aria-label": "Operation", onchange: draw }, [["", "every operation"]], "");
  const status = select({ "aria-label": "Status", onchange: draw }, STATUSES, "");
  const project = select({ "aria-label": "Project of the request", onchange: draw }, [["", "every project"]], "");
  const client = select({ "aria-label": "Client", onchange: draw }, [["", "every client"]], "");
  const own = check("the console's too", { checked: session.isLogged, onchange: () => { session.isLogged = own.input.checked; } });
  const shown = h("span.faint.found", { role: "status" });
  const list = h("div.scroll", { tabindex: "0", "aria-label": "The latest requests", role: "region" });
  const details = h("aside.details", { "aria-label": "The chosen request", tabindex: "-1" });
  /** @type {Json[]} */
  let requests = [];
  /** Requests that stay, whatever comes. @type {Map<number, Json>} */
  const pinned = new Map();
  let chosen = -1;
  let missed = 0;
  let waiting = 0;
  document.title = "Requests – ModelArts emulator";
  show(target,
    h("div.bar.filters", {}, h("h1", {}, "Requests"), text, operation, status, project, client, own.element, shown, h("span.spring", {}), button("Clear", forget, { title: "Forget all but the pinned ones" })),
    h("div.split", {}, list, details));

  const filter = () => ({ operation: operation.value, status: status.value, project: project.value, client: client.value, text: text.value.trim() });

  function draw() {
    const wanted = filter();
    const held = [...pinned.values()];
    const found = requests.filter((request) => !pinned.has(request.number) && isShown(request, wanted));
    const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset?.number;
    options(operation, "every operation", requests.map((request) => request.operation ?? request.service));
    options(project, "every project", requests.map((request) => request.project_id));
    options(client, "every client", requests.map(clientOf));
    shown.textContent = `${found.length} of ${requests.length}${missed ? `, ${missed} missed` : ""}`;
    show(list, requests.length || held.length ? table(["#", "Time", "Method", "What", "Status", "#ms", "Client", "Warnings", ".Pin"], [...held.reverse(), ...found.slice(-SHOWN).reverse()].map(row), "log")
      : h("div.empty", {}, h("p", {}, "No client has sent a request yet."), h("p.faint", {}, "Requests appear here as they come in. The console's own are left out.")),
    found.length > SHOWN ? h("p.faint.foot", {}, `The latest ${SHOWN}; narrow the filter for others.`) : null);
    if (focused) /** @type {HTMLElement | null} */ (list.querySelector(`[data-number="${focused}"]`))?.focus({ preventScroll: true });
  }

  /** @param {HTMLSelectElement} element @param {string} all @param {Array<string | undefined>} values */
  function options(element, all, values) {
    const names = [...new Set(values.filter(Boolean))].sort();
    if (element.value && !names.includes(element.value)) names.push(element.value);
    if (element.options.length === names.length + 1) return;
    const { value } = element;
    show(element, h("option", { value: "" }, all), names.map((name) => h("option", { value: name, selected: name === value }, name)));
  }

  /** @param {Json} request */
  function row(request) {
    const { number } = request;
    const isPinned = pinned.has(number);
    const isConsole = request.request.headers["x-emulator-console"] !== undefined;
    return h("tr", { class: [number === chosen ? "chosen" : "", isPinned ? "pinned" : ""].join(" ").trim() || null },
      h("td.number", {}, number), h("td", {}, new Date(request.time_ms).toLocaleTimeString()), h("td", {}, request.method),
      h("td", {}, button(request.operation ?? request.service, () => choose(request), { class: "quiet", "data-number": number, "aria-current": number === chosen ? "true" : null }), h("small.faint.any", {}, pathOf(request))),
      h("td", {}, h(request.status >= 400 || request.status === 0 ? "span.tag.bad" : "span.tag.good", {}, request.status || "cut"),
        request.error_code ? h("small.code", {}, request.error_code) : null, request.fault ? h("span.tag.busy", {}, request.fault) : null),
      h("td.number", {}, request.duration_ms.toFixed(1)), h("td", {}, isConsole ? "console" : clientOf(request)), h("td", {}, h("small", {}, request.warnings ?? "")),
      h("td", {}, button(isPinned ? "★" : "☆", () => pin(request), { class: "quiet", "aria-pressed": String(isPinned), "aria-label": `Pin request ${number}`, title: "Keep it in sight" })));
  }

  /** @param {Json} request */
  function pin(request) {
    if (pinned.has(request.number)) pinned.delete(request.number);
    else pinned.set(request.number, request);
    draw();
  }

  /** @param {Json} request */
  function choose(request) {
    chosen = request.number;
    const part = (/** @type {string} */ title, /** @type {Json} */ message) => [h("h3", {}, title, message.body_bytes ? h("small.faint", {}, ` ${message.body_bytes} bytes`) : null), h("pre", { tabindex: "0" },
      `${Object.entries(message.headers).map(([name, value]) => `${name}: ${value}`).join("\n")}\n\n${pretty(message.body)}`)];
    const reason = request.response.headers["x-emulator-reason"];
    show(details, h("h2", {}, `${request.method} ${request.operation ?? request.service}, ${request.status || "cut"}`),
      h("p.path", {}, request.url),
      request.fault ? h("p", {}, h("span.tag.busy", {}, request.fault), " answered in place of the service. ", h("a", { href: "#/control" }, "To the faults")) : null,
      reason ? h("p", {}, h("strong", {}, "Reason: "), reason) : null,
      request.warnings ? h("p", {}, h("strong", {}, "Warnings: "), request.warnings) : null,
      h("div.row.copies", {}, FORMATS.map(([format, title]) => button(`Copy as ${title}`, () => copy(request, format, title), { "aria-label": `Copy as ${format === "har" || format === "javascript" ? title : format}` }))),
      part("Request", request.request), part("Answer", request.response));
    draw();
    details.focus();
  }

  /** @param {Json} request @param {string} format @param {string} title */
  async function copy(request, format, title) {
    const written = format === "javascript" ? toJavaScript(request) : await attempt(() => controlText("requests", { number: request.number, format }));
    if (written) copyText(written, `Copied as ${title}.`);
  }

  async function forget() {
    await attempt(() => control("DELETE", "requests"));
    requests = [];
    missed = 0;
    show(details);
    draw();
  }

  (async () => {
    /** @type {Json[]} */
    const known = (await attempt(() => control("GET", "requests")))?.requests ?? [];
    const last = known.at(-1)?.number ?? 0;
    // Events may arrive before this answer, which was made before them.
    requests = [...known, ...requests.filter(({ number }) => number > last)];
    draw();
  })();
  return {
    /** @param {string} kind @param {Json} data */
    onEvent(kind, data) {
      if (kind === "missed") missed += data.missed;
      if (kind !== "request" || (requests.at(-1)?.number ?? 0) >= data.number) return;
      requests.push(data);
      if (requests.length > KEPT) requests.shift();
      cancelAnimationFrame(waiting);
      waiting = requestAnimationFrame(draw);
    },
    leave: () => cancelAnimationFrame(waiting),
  };
}

/** @param {Json} request */
function pathOf(request) {
  try {
    return decodeURI(new URL(request.url).pathname);
  } catch {
    return request.url;
  }
}

/** @param {string | undefined} text */
function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text ?? ""), null, 2);
  } catch {
    return text ?? "";
  }
}
