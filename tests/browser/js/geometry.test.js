import assert from "node:assert/strict";
import { test } from "node:test";

import { handles, isBig, isOn, moved, resized, shapeFrom, under } from "../../../emulator/modelarts_emulator/control/pages/assets/console/model/geometry.js";
import { Mask, simplified } from "../../../emulator/modelarts_emulator/control/pages/assets/console/model/mask.js";

const size = { width: 100, height: 80 };
const box = { kind: "bndbox", feature: [[10, 10], [30, 40]] };
const circle = { kind: "circle", feature: [[50, 40], [10]] };

test("each handle of a box moves its own sides", () => {
  assert.deepEqual(handles(box)[4], [30, 40]);
  assert.deepEqual(resized(box, 4, [50, 60], size), [[10, 10], [50, 60]]);
  assert.deepEqual(resized(box, 0, [5, 6], size), [[5, 6], [30, 40]]);
  assert.deepEqual(resized(box, 3, [50, 0], size), [[10, 10], [50, 40]]);
  assert.deepEqual(resized(box, 1, [0, 2], size), [[10, 2], [30, 40]]);
});

test("a box that is dragged over itself turns round, and never becomes empty", () => {
  assert.deepEqual(resized(box, 4, [5, 5], size), [[5, 5], [10, 10]]);
  assert.deepEqual(resized(box, 4, [10, 10], size), box.feature);
});

test("nothing leaves the picture", () => {
  assert.deepEqual(moved(box, 1000, -1000, size), [[80, 0], [100, 30]]);
  assert.deepEqual(resized(box, 4, [1000, 1000], size), [[10, 10], [100, 80]]);
  assert.deepEqual(moved(circle, 1000, 0, size), [[100, 40], [10]]);
});

test("of shapes in one another the smallest is found first", () => {
  const inner = { kind: "bndbox", feature: [[12, 12], [20, 20]] };
  assert.deepEqual(under([box, inner, null, circle], [15, 15], 1), [1, 0]);
  assert.deepEqual(under([box, inner], [90, 70], 1), []);
});

test("a polygon is hit inside and on its edge, a line only along it", () => {
  const triangle = { kind: "polygon", feature: [[0, 0], [20, 0], [0, 20]] };
  assert.equal(isOn(triangle, [5, 5], 0), true);
  assert.equal(isOn(triangle, [15, 15], 1), false);
  const line = { kind: "line", feature: [[0, 0], [20, 20]] };
  assert.equal(isOn(line, [10, 11], 1), true);
  assert.equal(isOn(line, [30, 30], 1), false);
});

test("what the API does not take is no shape", () => {
  for (const [kind, feature] of [["bndbox", [[1, 2]]], ["bndbox", [[1, 2], [3, "4"]]], ["circle", [[1, 1], []]], ["nothing", [[1, 1]]], ["polygon", [[1, 1], [2, 2]]], ["point", null]]) {
    assert.equal(shapeFrom(kind, feature), null);
  }
  assert.equal(isBig({ kind: "bndbox", feature: [[1, 1], [1, 5]] }), false);
});

test("a painted disc becomes a polygon around it", () => {
  const mask = new Mask(200, 200, 2);
  mask.paint([100, 100], 40);
  const outline = mask.outline();
  assert.ok(outline.length >= 8 && outline.length < 60);
  const radii = outline.map(([x, y]) => Math.hypot(x - 100, y - 100));
  assert.ok(Math.min(...radii) > 34 && Math.max(...radii) < 46);
});

test("of several painted parts the largest is taken, and what was erased is left out", () => {
  const mask = new Mask(100, 100, 1);
  mask.paint([20, 20], 5);
  mask.paint([70, 70], 15);
  assert.ok(mask.outline().every(([x, y]) => x > 50 && y > 50));
  mask.paint([70, 70], 40, true);
  assert.ok(mask.outline().every(([x, y]) => x < 30 && y < 30));
  mask.paint([20, 20], 40, true);
  assert.deepEqual(mask.outline(), []);
});

test("points on a straight line are left out", () => {
  assert.deepEqual(simplified([[0, 0], [5, 0], [10, 0], [10, 10]], 0.5), [[0, 0], [10, 0], [10, 10]]);
});
