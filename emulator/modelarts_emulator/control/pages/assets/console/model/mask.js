// The outline of what a brush has painted, as a polygon: the API has no shape for masks.

/** @typedef {number[]} Point */

/** A painted area: a bitmap over the picture, each cell `scale` pixels wide. */
export class Mask {
  /** @param {number} width @param {number} height @param {number} scale */
  constructor(width, height, scale) {
    this.columns = Math.ceil(width / scale);
    this.rows = Math.ceil(height / scale);
    this.scale = scale;
    this.width = width;
    this.height = height;
    this.cells = new Uint8Array(this.columns * this.rows);
  }

  /** @param {number} column @param {number} row */
  has(column, row) {
    return column >= 0 && row >= 0 && column < this.columns && row < this.rows && this.cells[row * this.columns + column] === 1;
  }

  /**
   * Paint a disc, or erase it.
   * @param {Point} centre In pixels
   * @param {number} radius In pixels
   * @param {boolean} isErasing
   */
  paint([x, y], radius, isErasing = false) {
    const [middle, centre, reach] = [x / this.scale, y / this.scale, Math.max(0.5, radius / this.scale)];
    for (let row = Math.max(0, Math.floor(centre - reach)); row <= Math.min(this.rows - 1, centre + reach); row += 1) {
      for (let column = Math.max(0, Math.floor(middle - reach)); column <= Math.min(this.columns - 1, middle + reach); column += 1) {
        if (Math.hypot(column + 0.5 - middle, row + 0.5 - centre) <= reach) this.cells[row * this.columns + column] = isErasing ? 0 : 1;
      }
    }
  }

  /** Paint along a stretch. @param {Point} from @param {Point} to @param {number} radius @param {boolean} isErasing */
  stroke(from, to, radius, isErasing = false) {
    const steps = Math.max(1, Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) / Math.max(1, radius / 2)));
    for (let step = 0; step <= steps; step += 1) {
      this.paint([from[0] + ((to[0] - from[0]) * step) / steps, from[1] + ((to[1] - from[1]) * step) / steps], radius, isErasing);
    }
  }

  /**
   * Return the outline of the largest painted part, simplified; empty where nothing is painted.
   * @returns {Point[]}
   */
  outline() {
    const start = this.largest();
    if (start < 0) return [];
    const corners = this.trace(start);
    const points = simplified(corners, 0.75).map(([column, row]) => [
      Math.min(this.width, Math.round(column * this.scale)), Math.min(this.height, Math.round(row * this.scale)),
    ]);
    return points.length >= 3 ? points : [];
  }

  /** The topmost, then leftmost cell of the largest connected part; -1 where nothing is painted. */
  largest() {
    const found = new Uint8Array(this.cells.length);
    let [best, start] = [0, -1];
    for (let cell = 0; cell < this.cells.length; cell += 1) {
      if (!this.cells[cell] || found[cell]) continue;
      const size = this.flood(cell, found);
      if (size > best) [best, start] = [size, cell];
    }
    return start;
  }

  /** @param {number} from @param {Uint8Array} found */
  flood(from, found) {
    const open = [from];
    found[from] = 1;
    let size = 0;
    while (open.length) {
      const cell = /** @type {number} */ (open.pop());
      size += 1;
      const [column, row] = [cell % this.columns, Math.floor(cell / this.columns)];
      for (const [x, y] of [[column - 1, row], [column + 1, row], [column, row - 1], [column, row + 1]]) {
        const next = y * this.columns + x;
        if (this.has(x, y) && !found[next]) {
          found[next] = 1;
          open.push(next);
        }
      }
    }
    return size;
  }

  /** Follow the edge of a part clockwise, along the corners of its cells. @param {number} start @returns {Point[]} */
  trace(start) {
    const STEPS = [[1, 0], [0, 1], [-1, 0], [0, -1]]; // right, down, left, up
    // For each direction the cells ahead of the corner, to its left and to its right.
    const AHEAD = [[[0, -1], [0, 0]], [[0, 0], [-1, 0]], [[-1, 0], [-1, -1]], [[-1, -1], [0, -1]]];
    let [x, y, direction] = [start % this.columns, Math.floor(start / this.columns), 0];
    const first = [x, y];
    const corners = [first];
    for (let step = 0; step < this.cells.length * 4; step += 1) {
      const [left, right] = AHEAD[direction].map(([dx, dy]) => this.has(x + dx, y + dy));
      if (!right) direction = (direction + 1) % 4;
      else if (left) direction = (direction + 3) % 4;
      x += STEPS[direction][0];
      y += STEPS[direction][1];
      if (x === first[0] && y === first[1]) break;
      corners.push([x, y]);
    }
    return corners;
  }
}

/**
 * Leave out the points that are nearer than `slack` to the line through the others (Ramer, Douglas and Peucker).
 * @param {Point[]} points
 * @param {number} slack
 * @returns {Point[]}
 */
export function simplified(points, slack) {
  if (points.length < 3) return points;
  const kept = new Uint8Array(points.length);
  kept[0] = kept[points.length - 1] = 1;
  const open = [[0, points.length - 1]];
  while (open.length) {
    const [start, end] = /** @type {number[]} */ (open.pop());
    let [worst, place] = [slack, -1];
    const [dx, dy] = [points[end][0] - points[start][0], points[end][1] - points[start][1]];
    const length = Math.hypot(dx, dy);
    for (let here = start + 1; here < end; here += 1) {
      const [x, y] = [points[here][0] - points[start][0], points[here][1] - points[start][1]];
      const off = length ? Math.abs(x * dy - y * dx) / length : Math.hypot(x, y);
      if (off > worst) [worst, place] = [off, here];
    }
    if (place >= 0) {
      kept[place] = 1;
      open.push([start, place], [place, end]);
    }
  }
  return points.filter((_, number) => kept[number]);
}
