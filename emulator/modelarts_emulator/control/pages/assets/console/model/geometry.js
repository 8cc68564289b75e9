// Shapes in the pixels of a picture, as the API has them: points, except for the second member of a circle, its radius.

/** @typedef {number[]} Point */
/** @typedef {"bndbox" | "polygon" | "circle" | "line" | "dashed" | "point" | "polyline"} Kind */
/** @typedef {{kind: Kind, feature: Point[]}} Shape */
/** @typedef {{width: number, height: number}} Size */

/** How many points each has: the least and the most. @type {Object<string, [number, number]>} */
export const POINTS = {
  bndbox: [2, 2], polygon: [3, 10000], circle: [2, 2], line: [2, 2], dashed: [2, 2], point: [1, 1], polyline: [2, 10000],
};

/** @param {number} value @param {number} low @param {number} high */
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** @param {Point} one @param {Point} other */
export const distance = (one, other) => Math.hypot(one[0] - other[0], one[1] - other[1]);

/** @param {Point} point @param {Size} size @returns {Point} */
export const inside = ([x, y], { width, height }) => [Math.round(clamp(x, 0, width)), Math.round(clamp(y, 0, height))];

/** @param {Point} one @param {Point} other @returns {Point[]} */
export const box = ([x1, y1], [x2, y2]) => [[Math.min(x1, x2), Math.min(y1, y2)], [Math.max(x1, x2), Math.max(y1, y2)]];

/**
 * Return a shape of a label, or null where it has none that makes sense.
 * @param {any} kind
 * @param {any} feature
 * @returns {Shape | null}
 */
export function shapeFrom(kind, feature) {
  const [least, most] = POINTS[kind] ?? [1, 0];
  if (!Array.isArray(feature) || feature.length < least || feature.length > most) return null;
  const isPoint = (/** @type {any} */ point) => Array.isArray(point) && point.length === 2 && point.every(Number.isFinite);
  if (kind === "circle") return isPoint(feature[0]) && Number.isFinite(feature[1]?.[0]) ? { kind, feature } : null;
  return feature.every(isPoint) ? { kind, feature } : null;
}

/** @param {Shape} shape @returns {[number, number, number, number]} Left, top, right, bottom */
export function bounds({ kind, feature }) {
  if (kind === "circle") {
    const [[x, y], [radius]] = feature;
    return [x - radius, y - radius, x + radius, y + radius];
  }
  const across = feature.map(([x]) => x);
  const down = feature.map(([, y]) => y);
  return [Math.min(...across), Math.min(...down), Math.max(...across), Math.max(...down)];
}

/** @param {Shape} shape */
export function area(shape) {
  const [left, top, right, bottom] = bounds(shape);
  return (right - left) * (bottom - top);
}

/** @param {Point} point @param {Point} start @param {Point} end The distance from a point to a stretch */
function distanceToStretch(point, start, end) {
  const [dx, dy] = [end[0] - start[0], end[1] - start[1]];
  const length = dx * dx + dy * dy;
  const along = length ? clamp(((point[0] - start[0]) * dx + (point[1] - start[1]) * dy) / length, 0, 1) : 0;
  return distance(point, [start[0] + along * dx, start[1] + along * dy]);
}

/** @param {Point[]} corners @param {Point} point */
function isInPolygon(corners, [x, y]) {
  let isIn = false;
  for (let here = 0, before = corners.length - 1; here < corners.length; before = here, here += 1) {
    const [[x1, y1], [x2, y2]] = [corners[here], corners[before]];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) isIn = !isIn;
  }
  return isIn;
}

/**
 * Return whether a point is on a shape, give or take `slack` pixels.
 * @param {Shape} shape
 * @param {Point} point
 * @param {number} slack
 */
export function isOn({ kind, feature }, point, slack) {
  switch (kind) {
    case "bndbox": {
      const [[left, top], [right, bottom]] = feature;
      return point[0] >= left - slack && point[0] <= right + slack && point[1] >= top - slack && point[1] <= bottom + slack;
    }
    case "circle": return distance(point, feature[0]) <= feature[1][0] + slack;
    case "polygon": return isInPolygon(feature, point) || onLine([...feature, feature[0]], point, slack);
    case "point": return distance(point, feature[0]) <= slack * 1.5;
    default: return onLine(feature, point, slack);
  }
}

/** @param {Point[]} points @param {Point} point @param {number} slack */
const onLine = (points, point, slack) => points.slice(1).some((end, number) => distanceToStretch(point, points[number], end) <= slack);

/**
 * Return the shapes under a point, smallest first.
 * @param {Array<Shape | null>} shapes
 * @param {Point} point
 * @param {number} slack
 * @returns {number[]} Their places
 */
export function under(shapes, point, slack) {
  const found = shapes.flatMap((shape, place) => (shape && isOn(shape, point, slack) ? [{ place, area: area(shape) }] : []));
  return found.sort((one, other) => one.area - other.area || other.place - one.place).map(({ place }) => place);
}

/**
 * Return the points by which a shape is resized; of a box the corners and the middles of its sides, clockwise.
 * @param {Shape} shape
 * @returns {Point[]}
 */
export function handles({ kind, feature }) {
  if (kind === "bndbox") {
    const [[left, top], [right, bottom]] = feature;
    const [x, y] = [(left + right) / 2, (top + bottom) / 2];
    return [[left, top], [x, top], [right, top], [right, y], [right, bottom], [x, bottom], [left, bottom], [left, y]];
  }
  if (kind === "circle") return [[feature[0][0] + feature[1][0], feature[0][1]]];
  return kind === "point" ? [] : feature;
}

// Which sides of a box each of its handles moves: left or right, top or bottom.
const SIDES = [[0, 0], [-1, 0], [1, 0], [1, -1], [1, 1], [-1, 1], [0, 1], [0, -1]];

/**
 * Drag a handle to a point.
 * @param {Shape} shape
 * @param {number} handle
 * @param {Point} to
 * @param {Size} size
 * @returns {Point[]}
 */
export function resized({ kind, feature }, handle, to, size) {
  const [x, y] = inside(to, size);
  if (kind === "bndbox") {
    const [across, down] = SIDES[handle];
    const [[left, top], [right, bottom]] = feature;
    const flipped = box([across === 0 ? x : left, down === 0 ? y : top], [across === 1 ? x : right, down === 1 ? y : bottom]);
    return isBig({ kind, feature: flipped }) ? flipped : feature;
  }
  if (kind === "circle") return [feature[0], [Math.max(1, Math.round(distance(feature[0], [x, y])))]];
  return feature.map((point, number) => (number === handle ? [x, y] : point));
}

/**
 * Move a shape, so far as the picture goes.
 * @param {Shape} shape
 * @param {number} dx
 * @param {number} dy
 * @param {Size} size
 * @returns {Point[]}
 */
export function moved(shape, dx, dy, { width, height }) {
  const { kind, feature } = shape;
  // A circle may reach over the edge; only its centre has to be in the picture.
  const [left, top, right, bottom] = bounds(kind === "circle" ? { kind: "point", feature: [feature[0]] } : shape);
  const across = Math.round(clamp(dx, -left, width - right));
  const down = Math.round(clamp(dy, -top, height - bottom));
  return feature.map((point, number) => (kind === "circle" && number === 1 ? point : [point[0] + across, point[1] + down]));
}

/** @param {Shape} shape @returns {boolean} Whether it is more than a slip of the hand, and such as the API takes */
export function isBig({ kind, feature }) {
  const [least] = POINTS[kind];
  if (feature.length < least) return false;
  if (kind === "bndbox") return feature[1][0] - feature[0][0] >= 1 && feature[1][1] - feature[0][1] >= 1;
  if (kind === "circle") return feature[1][0] >= 1;
  if (kind === "line" || kind === "dashed") return distance(feature[0], feature[1]) >= 1;
  return true;
}

/** @param {Shape} shape */
export function described({ kind, feature }) {
  if (kind === "bndbox") return `${feature[1][0] - feature[0][0]} × ${feature[1][1] - feature[0][1]} at ${feature[0][0]}, ${feature[0][1]}`;
  if (kind === "circle") return `radius ${feature[1][0]} at ${feature[0][0]}, ${feature[0][1]}`;
  if (kind === "point") return `at ${feature[0][0]}, ${feature[0][1]}`;
  return `${feature.length} points`;
}
