// The server as any client sees it: the dataset API of one project, object storage, and the control API.

import { signIn } from "./sign-in.js";

/** @typedef {import("./wire.js").Json} Json */

/** Where the server is: the page is `_emulator/ui` below it. */
export const SERVER = new URL("../", document.baseURI);
const kept = window.sessionStorage;

/** A request that was refused, with the answer's own message. */
export class Refused extends Error {
  /** @param {number} status @param {any} body @param {string} what */
  constructor(status, body, what) {
    const text = body?.error_msg ?? body?.error?.message ?? (typeof body === "string" ? xmlMessage(body) : "");
    super(`${text || what} (${body?.error_code ?? status})`);
    this.status = status;
  }
}

/** @param {string} body */
const xmlMessage = (body) => /<Message>([^<]*)<\/Message>/.exec(body)?.[1] ?? body.slice(0, 300);

export const session = {
  get project() { return kept.getItem("project") ?? ""; },
  set project(name) { kept.setItem("project", name); },
  get token() { return kept.getItem("token") ?? ""; },
  set token(value) { kept.setItem("token", value); },
  get key() { return kept.getItem("key") ?? ""; },
  set key(value) { kept.setItem("key", value); },
  /** Whether the editor goes on to the next sample after a label. */
  get movesOn() { return kept.getItem("moves-on") === "1"; },
  set movesOn(value) { kept.setItem("moves-on", value ? "1" : ""); },
  /** Whether the console's own calls are kept in the log of requests. */
  get isLogged() { return kept.getItem("logged") === "1"; },
  set isLogged(value) { kept.setItem("logged", value ? "1" : ""); },
};

/** The mark of the console's own calls: no fault hits them, and the log leaves them out unless asked for. */
export const mark = () => ({ "X-Emulator-Console": session.isLogged ? "logged" : "1" });

/** @param {boolean} isControl @returns {Object<string, string>} */
export function headers(isControl) {
  /** @type {Object<string, string>} */
  const found = mark();
  if (isControl && session.key) found["X-Emulator-Key"] = session.key;
  if (!isControl && session.token) found["X-Auth-Token"] = session.token;
  return found;
}

/**
 * Send a request, and again after a login where the server wants one. Throws Refused.
 * @param {URL} url
 * @param {string} method
 * @param {any} body A Blob as it is, anything else as JSON
 * @param {Object<string, string>} more Headers
 * @param {boolean} isControl
 * @returns {Promise<Response>}
 */
export async function send(url, method, body, more, isControl) {
  const isJson = body !== undefined && !(body instanceof Blob);
  const answer = await fetch(url, {
    method,
    headers: { ...headers(isControl), ...(isJson ? { "Content-Type": "application/json" } : {}), ...more },
    body: isJson ? JSON.stringify(body) : body,
  }).catch(() => { throw new Error("The emulator cannot be reached."); });
  if ((answer.status === 401 || answer.status === 403) && (await signIn(isControl))) {
    return send(url, method, body, more, isControl);
  }
  if (!answer.ok) {
    const text = await answer.text();
    let parsed = text;
    try { parsed = JSON.parse(text); } catch { /* it is XML, or nothing */ }
    throw new Refused(answer.status, parsed, `${method} ${url.pathname}`);
  }
  return answer;
}

/** @param {Response} answer */
async function json(answer) {
  const text = await answer.text();
  return text ? JSON.parse(text) : null;
}

/** @param {Json | undefined} parameters */
export function query(parameters) {
  const found = Object.entries(parameters ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return found.length ? `?${new URLSearchParams(found.map(([name, value]) => [name, String(value)]))}` : "";
}

/** @param {string} path @param {Json} [parameters] */
export const projectUrl = (path, parameters) => new URL(`v2/${encodeURIComponent(session.project)}${path}${query(parameters)}`, SERVER);

/** @param {string} path @param {Json} [parameters] */
export const apiUrl = (path, parameters) => projectUrl(`/datasets${path}`, parameters);

/** @param {string} path @param {Json} [parameters] */
export const controlUrl = (path, parameters) => new URL(`_emulator/${path}${query(parameters)}`, SERVER);

/**
 * Call the dataset API of the project: `api("GET", "/<dataset>/versions")`.
 * @param {string} method
 * @param {string} [path]
 * @param {{body?: any, parameters?: Json}} [options]
 * @returns {Promise<any>}
 */
export async function api(method, path = "", { body, parameters } = {}) {
  return json(await send(apiUrl(path, parameters), method, body, {}, false));
}

/**
 * Call the API of the project beside its datasets: `team("GET", "/<team>/workers")`.
 * @param {string} method
 * @param {string} [path]
 * @param {{body?: any, parameters?: Json}} [options]
 * @returns {Promise<any>}
 */
export async function team(method, path = "", { body, parameters } = {}) {
  return json(await send(projectUrl(`/workforces${path}`, parameters), method, body, {}, false));
}

/**
 * Call the control API: `control("POST", "faults", { body })`.
 * @param {string} method
 * @param {string} path
 * @param {{body?: any, parameters?: Json}} [options]
 * @returns {Promise<any>}
 */
export async function control(method, path, { body, parameters } = {}) {
  return json(await send(controlUrl(path, parameters), method, body, {}, true));
}

/** @param {string} path @param {Json} [parameters] */
export async function controlText(path, parameters) {
  return (await send(controlUrl(path, parameters), "GET", undefined, {}, true)).text();
}

/** @param {string} path */
export async function controlFile(path) {
  return (await send(controlUrl(path), "GET", undefined, {}, true)).blob();
}

/**
 * Throw what is wrong where an answer names a failure of one of its items.
 * @param {any} answer
 */
export function requireAll(answer) {
  const failed = (answer?.results ?? []).filter((/** @type {Json} */ each) => each.success === false);
  if (failed.length) throw new Error(`${failed.length > 1 ? `${failed.length} refused: ` : ""}${failed.map((/** @type {Json} */ each) => `${each.name ? `${each.name}: ` : ""}${each.error_msg}`).slice(0, 5).join("; ")}`);
  if (answer?.success === false) throw new Error(answer.error_msg ?? "refused");
  return answer;
}
