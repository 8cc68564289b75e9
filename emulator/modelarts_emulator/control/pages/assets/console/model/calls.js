// Calls written down, to be run elsewhere.

/** @typedef {import("../core/wire.js").Json} Json */

/** @param {string} text */
const quoted = (text) => (/^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

/**
 * Write a call for a shell.
 * @param {string} method
 * @param {string | URL} url
 * @param {any} [body]
 */
export function toCurl(method, url, body) {
  const data = body === undefined ? "" : ` -H 'Content-Type: application/json' -d ${quoted(JSON.stringify(body))}`;
  return `curl -sf${method === "GET" ? "" : ` -X ${method}`} ${quoted(String(url))}${data}`;
}

/**
 * Write a call for Python.
 * @param {string} method
 * @param {string | URL} url
 * @param {any} [body]
 */
export function toPython(method, url, body) {
  return `requests.${method.toLowerCase()}(${JSON.stringify(String(url))}${body === undefined ? "" : `, json=${python(body)}`}).raise_for_status()`;
}

/** @param {any} value @returns {string} A value of JSON as Python writes it */
export function python(value) {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${python(each)}`).join(", ")}}`;
  return JSON.stringify(value);
}

const MASK = "***";
const LEFT_OUT = new Set(["host", "content-length", "connection", "accept-encoding", "user-agent", "accept", "x-emulator-console"]);

/**
 * Write a request of the log for JavaScript.
 * @param {Json} request
 */
export function toJavaScript(request) {
  const headers = Object.entries(request.request.headers).filter(([name]) => !LEFT_OUT.has(name));
  const lines = headers.map(([name, value]) => `    ${JSON.stringify(name)}: ${value === MASK ? "process.env.TOKEN" : JSON.stringify(value)},`);
  const { body } = request.request;
  return [
    `const answer = await fetch(${JSON.stringify(request.url)}, {`,
    `  method: ${JSON.stringify(request.method)},`,
    ...(lines.length ? ["  headers: {", ...lines, "  },"] : []),
    ...(body ? [`  body: ${JSON.stringify(body)},`] : []),
    "});",
    `console.assert(answer.status === ${request.status}, answer.status);`,
    "",
  ].join("\n");
}
