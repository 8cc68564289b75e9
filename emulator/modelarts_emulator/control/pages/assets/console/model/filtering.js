// Which requests of the log are shown.

/** @typedef {import("../core/wire.js").Json} Json */
/** @typedef {{operation: string, status: string, project: string, client: string, text: string}} RequestFilter */

/** @param {Json} request @returns {string} The name of the program that has sent it */
export function clientOf(request) {
  const agent = request.request?.headers?.["user-agent"] ?? "";
  return agent.split(/[\s(;]/)[0] || "unknown";
}

/**
 * @param {Json} request
 * @param {RequestFilter} filter
 * @returns {boolean}
 */
export function isShown(request, { operation, status, project, client, text }) {
  if (operation && (request.operation ?? request.service) !== operation) return false;
  if (project && request.project_id !== project) return false;
  if (client && clientOf(request) !== client) return false;
  if (status && !hasStatus(request, status)) return false;
  if (!text) return true;
  const all = `${request.number} ${request.operation ?? request.service} ${request.method} ${request.url} ${request.status} ${request.error_code ?? ""} ${request.project_id ?? ""} ${request.fault ?? ""} ${request.warnings ?? ""} ${request.request?.body ?? ""} ${request.response?.body ?? ""}`.toLowerCase();
  return text.toLowerCase().split(/\s+/).every((word) => all.includes(word));
}

/** @param {Json} request @param {string} wanted */
function hasStatus(request, wanted) {
  if (wanted === "error") return request.status >= 400 || request.status === 0;
  if (wanted === "fault") return Boolean(request.fault);
  return wanted.endsWith("xx") ? Math.floor(request.status / 100) === Number(wanted[0]) : request.status === Number(wanted);
}
