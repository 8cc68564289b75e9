// Looking for labels among many.

/** @typedef {import("../core/wire.js").Label} Label */

/**
 * Return the labels whose names have every word of a text: those that begin with it first, else in their own order.
 * @param {Label[]} labels
 * @param {string} text
 * @returns {Label[]}
 */
export function matching(labels, text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return labels;
  const parts = wanted.split(/\s+/);
  const [first, rest] = [/** @type {Label[]} */ ([]), /** @type {Label[]} */ ([])];
  for (const label of labels) {
    const name = (label.name ?? "").toLowerCase();
    if (name.startsWith(wanted)) first.push(label);
    else if (parts.every((part) => name.includes(part))) rest.push(label);
  }
  return [...first.sort((one, other) => (one.name ?? "").length - (other.name ?? "").length), ...rest];
}

/**
 * Return the parameters of a list of samples for what the filter bar says.
 * @param {{state?: string, label?: string, name?: string, hard?: string, order?: string, folder?: string, labeller?: string}} filter
 */
export function sampleParameters({ state, label, name, hard, order, folder, labeller }) {
  const condition = { sample_name: name || undefined, hard: hard || undefined, sample_dir: folder || undefined, labeler: labeller || undefined };
  const has = Object.values(condition).some((value) => value !== undefined);
  return { sample_state: state, label_name: label, order, search_conditions: has ? JSON.stringify(condition) : undefined };
}
