// Team labelling: the names of roles, states and decisions.

/** @typedef {import("../core/wire.js").Json} Json */

export const ROLES = ["labeler", "reviewer", "manager", "owner"];

/** The states of a task, with the class of their tag. @type {Array<[string, string]>} */
export const TASK_STATES = [
  ["starting", "busy"], ["running", "busy"], ["in acceptance", "busy"], ["accepted", "good"],
  ["rejected", "bad"], ["writing the result", "busy"], ["created", ""], ["drawing samples", "busy"],
];

/** The states of a sample in a task: value of the filter, member of the counts, and text. @type {Array<[string, string, string]>} */
export const SAMPLE_STATES = [
  ["NONE", "unannotated_sample_count", "to label"],
  ["AUTO_ANNOTATION", "auto_annotation_sample_count", "to confirm"],
  ["UNREVIEWED", "unreviewed_sample_count", "to review"],
  ["UNCHECK", "uncheck_sample_count", "to accept"],
  ["REJECTED", "rejected_sample_count", "rejected"],
  ["ACCEPTED", "accepted_sample_count", "accepted"],
];

/** The ways to end an acceptance. @type {Array<[number, string]>} */
export const ENDINGS = [
  [0, "pass all"], [4, "pass all but the rejected ones"], [5, "pass the accepted ones only"], [1, "reject all"], [2, "cancel: nothing is decided"],
];

export const RUNNING = 1;
export const ACCEPTING = 2;
export const CREATED = 6;

/** The types of datasets that teams label. */
export const TEAM_TYPES = new Set([0, 1, 100, 101, 102, 202]);

/** Write how many samples are in each state, without those where none is. @param {Json | undefined} stats @returns {string} */
export function countsText(stats) {
  const found = SAMPLE_STATES.filter(([, member]) => stats?.[member]).map(([, member, text]) => `${stats?.[member].toLocaleString()} ${text}`);
  return found.join(", ") || "no samples";
}

/** How many samples of a task are done. @param {Json | undefined} stats @returns {{done: number, total: number}} */
export function progressOf(stats) {
  const total = stats?.total_sample_count ?? 0;
  return { done: total - (stats?.unannotated_sample_count ?? 0) - (stats?.auto_annotation_sample_count ?? 0) - (stats?.rejected_sample_count ?? 0), total };
}

/** Split addresses that are typed or pasted. @param {string} text @returns {string[]} */
export const addresses = (text) => text.split(/[\s,;]+/).filter(Boolean);
