// Which samples of a list are selected: some by id, or all that the filter finds but a few.

/** A selection of a filtered list. */
export class Selection {
  constructor() {
    this.isAll = false;
    /** Those that are selected or, where all are, those that are not. @type {Set<string>} */
    this.ids = new Set();
    this.anchor = -1;
  }

  /** @param {string} id */
  has(id) {
    return this.ids.has(id) !== this.isAll;
  }

  /** @param {number} total How many the filter finds */
  size(total) {
    return this.isAll ? Math.max(0, total - this.ids.size) : this.ids.size;
  }

  clear() {
    this.isAll = false;
    this.ids.clear();
  }

  all() {
    this.isAll = true;
    this.ids.clear();
  }

  /** @param {string} id @param {boolean} isOn */
  set(id, isOn) {
    if (isOn !== this.isAll) this.ids.add(id);
    else this.ids.delete(id);
  }

  /** @param {string} id @param {number} place */
  toggle(id, place) {
    this.set(id, !this.has(id));
    this.anchor = place;
  }

  /**
   * Select from where the last click was up to a place.
   * @param {number} place
   * @param {(place: number) => string | undefined} idAt
   * @returns {number[]} The places of the range
   */
  range(place, idAt) {
    const from = this.anchor < 0 ? place : this.anchor;
    const places = [];
    for (let each = Math.min(from, place); each <= Math.max(from, place); each += 1) {
      places.push(each);
      const id = idAt(each);
      if (id !== undefined) this.set(id, true);
    }
    return places;
  }
}
