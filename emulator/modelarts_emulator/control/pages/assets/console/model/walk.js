// The way from sample to sample through a filtered list. It goes by ids: a sample that leaves the list because it was
// labelled, as with the filter "unlabelled", moves the others up, and none is skipped or shown twice.

/** @typedef {import("../core/wire.js").Sample} Sample */
/** @typedef {{samples: Sample[], total: number}} Page */

/** A place in a list, and what is known around it. */
export class Walk {
  /**
   * @param {(number: number) => Promise<Page>} fetchPage Pages count from 0
   * @param {number} [size] How many samples a page has
   */
  constructor(fetchPage, size = 100) {
    this.fetchPage = fetchPage;
    this.size = size;
    /** @type {Sample[]} */
    this.items = [];
    this.first = 0; // where items[0] was in the list
    this.at = 0; // which of the items is shown
    this.total = 0;
    this.gone = 0; // how many have left the list since
    /** @type {Set<string>} */
    this.seen = new Set();
    /** @type {Set<string>} */
    this.changed = new Set();
    this.atEnd = false;
    /** @type {Promise<boolean> | null} */
    this.extending = null;
  }

  /** @returns {Sample | undefined} */
  get current() {
    return this.items[this.at];
  }

  /** Where the sample is in the list as it was at first, from 0. */
  get place() {
    return this.first + this.at;
  }

  /**
   * Begin at a place of the list.
   * @param {number} place
   * @param {Page} [known] The page that it is on, if it is there already
   */
  async begin(place, known) {
    const number = Math.floor(place / this.size);
    const page = known ?? (await this.fetchPage(number));
    this.items = [...page.samples];
    this.total = page.total;
    this.first = number * this.size;
    this.at = Math.max(0, Math.min(place - this.first, this.items.length - 1));
    this.seen = new Set(this.items.map((sample) => sample.sample_id));
    this.atEnd = this.first + this.items.length >= this.total;
  }

  /** Record that a sample was changed, so that it may have left the list. @param {string} id */
  touch(id) {
    if (this.seen.has(id)) this.changed.add(id);
  }

  /** @param {number} by @returns {Sample | undefined} The sample that many further, if it is known */
  peek(by) {
    return this.items[this.at + by];
  }

  /** @param {string} id @returns {boolean} Whether it is shown now */
  jump(id) {
    const place = this.items.findIndex((sample) => sample.sample_id === id);
    if (place < 0) return false;
    this.at = place;
    return true;
  }

  /**
   * Go on by one, or back with -1.
   * @param {1 | -1} by
   * @returns {Promise<boolean>} Whether there was one
   */
  async move(by) {
    if (!this.peek(by)) {
      const isThere = by > 0 ? await this.extend() : await this.extendBack();
      if (!isThere || !this.peek(by)) return false;
    }
    this.at += by;
    return true;
  }

  /** Load what comes next, before it is needed. */
  prefetch() {
    if (!this.atEnd && this.items.length - this.at < this.size / 2) this.extend().catch(() => {});
  }

  /** @returns {Promise<boolean>} */
  extend() {
    this.extending ??= this.extended().finally(() => { this.extending = null; });
    return this.extending;
  }

  async extended() {
    // Those that were changed may have left the list, and what is behind them has moved up by as many at most.
    const least = Math.max(this.first, this.first + this.items.length - this.changed.size);
    for (let number = Math.floor(least / this.size); ; number += 1) {
      const { samples, total } = await this.fetchPage(number);
      const skipped = Math.max(0, this.first - number * this.size); // those before the first that is known
      const fresh = samples.slice(skipped).filter((sample) => !this.seen.has(sample.sample_id));
      for (const sample of fresh) this.seen.add(sample.sample_id);
      this.items.push(...fresh);
      this.atEnd = (number + 1) * this.size >= total;
      if (fresh.length || this.atEnd) return fresh.length > 0;
    }
  }

  async extendBack() {
    if (this.first <= 0) return false;
    const number = Math.floor((this.first - 1) / this.size);
    const { samples } = await this.fetchPage(number);
    const before = samples.slice(0, this.first - number * this.size).filter((sample) => !this.seen.has(sample.sample_id));
    for (const sample of before) this.seen.add(sample.sample_id);
    this.items.unshift(...before);
    this.at += before.length;
    this.first = number * this.size;
    return before.length > 0;
  }

  /**
   * Go on to the next sample that fits.
   * @param {(sample: Sample) => boolean} fits
   * @param {number} [most] How many are looked through at most
   * @returns {Promise<boolean>}
   */
  async moveTo(fits, most = 2000) {
    for (let by = 1; by <= most; by += 1) {
      if (!this.peek(by) && !(await this.extend())) return false;
      const sample = this.peek(by);
      if (!sample) return false;
      if (fits(sample)) {
        this.at += by;
        return true;
      }
    }
    return false;
  }
}
