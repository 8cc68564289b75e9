// Changes on their way to the server: one at a time for each sample, several samples at once.
//
// A sample is shown as it is wanted. While a change of it is on its way, later ones only replace what is wanted, and the
// last of them is sent next. A change that fails is rolled back to what the server has, and reported until it is retried
// or dismissed.

/** @typedef {import("../core/wire.js").State} State */
/** @typedef {import("../core/wire.js").Sample} Sample */
/** @typedef {{id: string, state: State}} Change */
/** @typedef {"saved" | "pending" | "failed"} Status */
/**
 * @typedef {object} Item
 * @property {State} saved What the server has
 * @property {State} wanted
 * @property {State | null} sent
 * @property {{message: string, state: State} | null} failed
 * @property {number} savedAt
 */

/** @type {WeakMap<Sample, number>} */
const asked = new WeakMap();

/**
 * Record when samples were asked for: what was saved later is newer than they are.
 * @param {Sample[]} samples
 * @param {number} at
 */
export function stamp(samples, at) {
  for (const sample of samples) asked.set(sample, at);
}

/** @param {Sample} sample @returns {State} */
export const stateOf = (sample) => ({ labels: sample.labels ?? [], metadata: sample.metadata ?? {} });

/** The changes of a dataset. */
export class Saver {
  /**
   * @param {(changes: Change[]) => Promise<Array<string | null>>} put Sends changes; gives an error or null for each, and
   *   throws where none was taken
   * @param {{parallel?: number, batch?: number, now?: () => number, onChange?: (ids: string[]) => void}} [options]
   */
  constructor(put, { parallel = 3, batch = 200, now = () => performance.now(), onChange = () => {} } = {}) {
    this.put = put;
    this.parallel = parallel;
    this.batch = batch;
    this.now = now;
    this.onChange = onChange;
    /** @type {Map<string, Item>} */
    this.items = new Map();
    /** @type {Set<string>} */
    this.waiting = new Set();
    this.running = 0;
    /** @type {Array<() => void>} */
    this.idle = [];
  }

  /**
   * Return a sample as it is wanted.
   * @param {Sample} sample
   * @returns {State}
   */
  view(sample) {
    const item = this.items.get(sample.sample_id);
    if (!item) return stateOf(sample);
    if (this.status(sample.sample_id) === "saved" && (asked.get(sample) ?? 0) > item.savedAt) {
      this.items.delete(sample.sample_id);
      return stateOf(sample);
    }
    const { labels, metadata, withMetadata } = item.wanted;
    return { labels, metadata: { ...sample.metadata, ...metadata }, withMetadata };
  }

  /** @param {string} id @returns {Status} */
  status(id) {
    const item = this.items.get(id);
    if (!item) return "saved";
    if (item.sent || this.waiting.has(id)) return "pending";
    return item.failed ? "failed" : "saved";
  }

  /** @param {string} id @returns {string} Why the last change failed; empty where none did */
  errorOf(id) {
    return this.items.get(id)?.failed?.message ?? "";
  }

  get pending() {
    let pending = this.waiting.size;
    for (const [id, item] of this.items) if (item.sent && !this.waiting.has(id)) pending += 1;
    return pending;
  }

  /** @returns {string[]} The samples whose change has failed */
  get failures() {
    return [...this.items].filter(([, item]) => item.failed).map(([id]) => id);
  }

  /**
   * Change samples. `from` is what the server has of one that has not been changed before.
   * @param {Array<{id: string, from: State, to: State}>} changes
   */
  change(changes) {
    for (const { id, from, to } of changes) {
      const item = this.items.get(id) ?? { saved: from, wanted: from, sent: null, failed: null, savedAt: 0 };
      item.wanted = to;
      item.failed = null;
      this.items.set(id, item);
      this.waiting.add(id);
    }
    this.onChange(changes.map(({ id }) => id));
    this.pump();
  }

  /** @param {string} id */
  retry(id) {
    const item = this.items.get(id);
    if (item?.failed) this.change([{ id, from: item.saved, to: item.failed.state }]);
  }

  /** Forget a failure: the sample stays as the server has it. @param {string} id */
  dismiss(id) {
    const item = this.items.get(id);
    if (!item?.failed) return;
    item.failed = null;
    this.onChange([id]);
  }

  /** @returns {Promise<void>} Resolves when nothing is on its way */
  whenIdle() {
    if (!this.running && !this.waiting.size) return Promise.resolve();
    return new Promise((resolve) => { this.idle.push(resolve); });
  }

  pump() {
    while (this.running < this.parallel) {
      const ready = [];
      for (const id of this.waiting) {
        if (!this.items.get(id)?.sent) ready.push(id);
        if (ready.length === this.batch) break;
      }
      if (!ready.length) break;
      this.send(ready);
    }
    if (!this.running && !this.waiting.size) for (const resolve of this.idle.splice(0)) resolve();
  }

  /** @param {string[]} ids */
  async send(ids) {
    this.running += 1;
    const changes = ids.map((id) => {
      const item = /** @type {Item} */ (this.items.get(id));
      item.sent = item.wanted;
      this.waiting.delete(id);
      return { id, state: item.sent };
    });
    const errors = await this.results(changes);
    changes.forEach(({ id, state }, number) => this.finish(id, state, errors[number] ?? null));
    this.running -= 1;
    this.onChange(ids);
    this.pump();
  }

  /** @param {Change[]} changes @returns {Promise<Array<string | null>>} */
  async results(changes) {
    try {
      return await this.put(changes);
    } catch (error) {
      const { status, message } = /** @type {any} */ (error);
      if (changes.length === 1 || !(status >= 400 && status < 500)) return changes.map(() => message);
      // One of them may have spoilt it for all.
      const results = [];
      for (const change of changes) results.push(...(await this.results([change])));
      return results;
    }
  }

  /** @param {string} id @param {State} state @param {string | null} error */
  finish(id, state, error) {
    const item = /** @type {Item} */ (this.items.get(id));
    item.sent = null;
    item.savedAt = this.now();
    if (error === null) {
      item.saved = state;
    } else if (!this.waiting.has(id)) { // else a later change decides
      item.wanted = item.saved;
      item.failed = { message: error, state };
    }
  }
}
