// The server as any client sees it: the dataset API of one project, object storage, and the control API.

import { dialog, field, h } from "./dom.js";

const SERVER = new URL("../", document.baseURI); // of /_emulator/ui
const kept = window.sessionStorage;

export class Refused extends Error {
  constructor(status, body, what) {
    const told = body?.error_msg ?? body?.error?.message ?? (typeof body === "string" ? body.slice(0, 300) : "");
    super(`${told || what} (${body?.error_code ?? status})`);
    this.status = status;
  }
}

export const session = {
  get project() { return kept.getItem("project") ?? ""; },
  set project(name) { kept.setItem("project", name); },
  get token() { return kept.getItem("token") ?? ""; },
  get key() { return kept.getItem("key") ?? ""; },
};

function headers(isControl) {
  // The mark of the console's own calls: no fault hits them, and the log leaves them out.
  const found = { "X-Emulator-Console": "1" };
  if (isControl && session.key) found["X-Emulator-Key"] = session.key;
  if (!isControl && session.token) found["X-Auth-Token"] = session.token;
  return found;
}

async function send(url, method, body, more, isControl) {
  const isJson = body !== undefined && !(body instanceof Blob);
  const answer = await fetch(url, {
    method,
    headers: { ...headers(isControl), ...(isJson ? { "Content-Type": "application/json" } : {}), ...more },
    body: isJson ? JSON.stringify(body) : body,
  });
  if ((answer.status === 401 || answer.status === 403) && (await signIn(isControl))) {
    return send(url, method, body, more, isControl);
  }
  if (!answer.ok) {
    const text = await answer.text();
    let told = text;
    try { told = JSON.parse(text); } catch { /* it is XML, or nothing */ }
    throw new Refused(answer.status, told, `${method} ${new URL(url).pathname}`);
  }
  return answer;
}

async function json(answer) {
  const text = await answer.text();
  return text ? JSON.parse(text) : null;
}

function query(parameters) {
  const found = Object.entries(parameters ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return found.length ? `?${new URLSearchParams(found.map(([name, value]) => [name, String(value)]))}` : "";
}

/** The dataset API of the project: `api("GET", "/<dataset>/versions")`. */
export async function api(method, path = "", { body, parameters } = {}) {
  const url = new URL(`v2/${encodeURIComponent(session.project)}/datasets${path}${query(parameters)}`, SERVER.origin);
  return json(await send(url, method, body, {}, false));
}

/** The control API: `control("POST", "faults", { body })`. */
export async function control(method, path, { body, parameters } = {}) {
  return json(await send(new URL(`/_emulator/${path}${query(parameters)}`, SERVER.origin), method, body, {}, true));
}

/** The control API, as text or as a file. */
export async function controlText(path, parameters) {
  return (await send(new URL(`/_emulator/${path}${query(parameters)}`, SERVER.origin), "GET", undefined, {}, true)).text();
}

export async function controlFile(path) {
  return (await send(new URL(`/_emulator/${path}`, SERVER.origin), "GET", undefined, {}, true)).blob();
}

/** An object of the buckets: `object("/bucket/key")` gives its text. */
export async function object(path) {
  const url = new URL(path.split("/").map(encodeURIComponent).join("/"), SERVER.origin);
  return (await send(url, "GET", undefined, STORAGE, false)).text();
}

// What tells a request for object storage from one for a page.
const STORAGE = { "x-obs-date": new Date(0).toUTCString() };

async function xml(path) {
  const text = await (await send(new URL(path, SERVER.origin), "GET", undefined, STORAGE, false)).text();
  return new DOMParser().parseFromString(text, "application/xml");
}

const texts = (document_, tag) => [...document_.getElementsByTagName(tag)].map((node) => node.textContent);

export async function buckets() {
  const found = await xml("/");
  return [...found.getElementsByTagName("Bucket")].map((node) => node.getElementsByTagName("Name")[0].textContent);
}

/** The folders in a folder of a bucket; `prefix` is empty or ends in `/`. */
export async function folders(bucket, prefix) {
  const found = await xml(`/${encodeURIComponent(bucket)}${query({ delimiter: "/", prefix, "max-keys": 1000 })}`);
  return [...found.getElementsByTagName("CommonPrefixes")].flatMap((node) => texts(node, "Prefix"));
}

export async function makeFolder(bucket, key) {
  const path = `/${encodeURIComponent(bucket)}/${key.split("/").map(encodeURIComponent).join("/")}`;
  await send(new URL(path, SERVER.origin), "PUT", new Blob([]), STORAGE, false);
}

/** Server-sent events, read by hand: EventSource cannot send the key. Calls back until it is stopped. */
export function events(onEvent, onState) {
  const stopping = new AbortController();
  let last = 0;
  (async () => {
    while (!stopping.signal.aborted) {
      try {
        const url = new URL(`/_emulator/events${query({ after: last || undefined })}`, SERVER.origin);
        const answer = await fetch(url, { headers: headers(true), signal: stopping.signal });
        if (!answer.ok) throw new Error(String(answer.status));
        onState(true);
        let text = "";
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        for (let part = await reader.read(); !part.done; part = await reader.read()) {
          text += part.value;
          for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
            const lines = text.slice(0, end).split("\n");
            text = text.slice(end + 2);
            const of = (name) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
            if (of("id")) last = Number(of("id"));
            if (of("event")) onEvent(of("event"), JSON.parse(of("data")));
          }
        }
      } catch { /* gone, or not let in: tried again below */ }
      onState(false);
      if (!stopping.signal.aborted) await new Promise((resume) => setTimeout(resume, 3000));
    }
  })();
  return () => stopping.abort();
}

let asking = null;

/** Asks who is there; one dialog, however many requests were refused. */
function signIn(isControl) {
  asking ??= new Promise((resolve) => {
    let done = false;
    const user = h("input", { autocomplete: "username" });
    const password = h("input", { type: "password", autocomplete: "current-password" });
    const key = h("input", { type: "password", autocomplete: "off" });
    const said = h("p.bad", { role: "alert" });
    const submit = async (event, close) => {
      event.preventDefault();
      if (key.value) kept.setItem("key", key.value);
      if (user.value && !(await logIn(user.value, password.value))) {
        said.textContent = "The name or the password is wrong.";
        return;
      }
      done = true;
      close();
    };
    const box = dialog("Sign in", (close) => h("form", { onsubmit: (event) => submit(event, close) },
      h("p", {}, "This emulator lets in only those it knows."),
      field("Name", user), field("Password", password),
      field("Control key", key, "X-Emulator-Key; in the data directory as control-key"),
      said, h("div.buttons", {}, h("button.main", {}, "Sign in"))));
    (isControl && session.token ? key : user).focus();
    box.addEventListener("close", () => { asking = null; resolve(done); });
  });
  return asking;
}

// Into the project, or, before one is chosen, into the first that there is.
async function logIn(name, password, project = session.project) {
  const user = { name, password, domain: { name: "local" } };
  const scope = project ? { project: { id: project } } : undefined;
  const answer = await fetch(new URL("/v3/auth/tokens", SERVER.origin), {
    method: "POST",
    headers: { ...headers(false), "Content-Type": "application/json" },
    body: JSON.stringify({ auth: { identity: { methods: ["password"], password: { user } }, scope } }),
  });
  if (!answer.ok) return false;
  const token = answer.headers.get("X-Subject-Token");
  if (!project) {
    const known = await fetch(new URL("/v3/auth/projects", SERVER.origin), { headers: { ...headers(false), "X-Auth-Token": token } });
    const first = known.ok ? (await known.json()).projects[0] : null;
    if (first && (await logIn(name, password, first.id))) {
      session.project = first.id;
      return true;
    }
  }
  kept.setItem("token", token);
  return true;
}

export function sampleUrl(dataset, sample) {
  return `/${dataset}/data-annotations/samples/${sample}`;
}
