// A brush that paints an area. The API has polygons, and no masks: the outline of the area becomes one.

import { s } from "../core/dom.js";
import { inside } from "../model/geometry.js";
import { Mask } from "../model/mask.js";

const MOST_CELLS = 512; // along the longer side of the picture

export class MaskBrush {
  /** @param {import("./stage-picture.js").PictureStage} stage */
  constructor(stage) {
    this.stage = stage;
    /** @type {Mask | null} */
    this.mask = null;
    this.radius = 12; // CSS pixels
    this.element = s("g", { class: "mask" });
  }

  get isActive() {
    return this.mask !== null;
  }

  clear() {
    this.mask = null;
    this.element.replaceChildren();
  }

  /** @param {PointerEvent} event */
  press(event) {
    const { view } = this.stage;
    const { width, height } = view.size;
    this.mask ??= new Mask(width, height, Math.max(1, Math.max(width, height) / MOST_CELLS));
    let last = inside(view.at(event), view.size);
    const paint = (/** @type {PointerEvent} */ each) => {
      const next = inside(view.at(each), view.size);
      this.mask?.stroke(last, next, this.radius / view.scale, each.altKey);
      last = next;
      this.draw();
    };
    paint(event);
    this.stage.follow(event, paint, () => {});
  }

  outline() {
    return this.mask?.outline() ?? [];
  }

  draw() {
    const points = this.outline().map((point) => point.join(",")).join(" ");
    this.element.replaceChildren(s("polygon", { points, class: "new" }));
    this.stage.draw();
  }
}
