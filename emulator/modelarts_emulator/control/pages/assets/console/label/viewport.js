// Zoom and pan of a picture: where its paper lies on the stage.

import { clamp } from "../model/geometry.js";

/** @typedef {{width: number, height: number}} Size */

const MOST = 40;

export class Viewport {
  /**
   * @param {HTMLElement} stage
   * @param {HTMLElement} paper
   * @param {() => void} onChange
   */
  constructor(stage, paper, onChange) {
    this.stage = stage;
    this.paper = paper;
    this.onChange = onChange;
    /** @type {Size} */
    this.size = { width: 1, height: 1 };
    this.scale = 1; // CSS pixels for a pixel of the picture
    this.isFitted = true;
    this.x = 0;
    this.y = 0;
    new ResizeObserver(() => this.isFitted && this.fit()).observe(stage);
    stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  /** @param {Size} size */
  show(size) {
    const isSame = size.width === this.size.width && size.height === this.size.height;
    this.size = size;
    if (!isSame || this.isFitted) this.fit();
    else this.apply();
  }

  get fitted() {
    const { clientWidth, clientHeight } = this.stage;
    return Math.max(0.001, Math.min(clientWidth / this.size.width, clientHeight / this.size.height));
  }

  fit() {
    this.isFitted = true;
    this.scale = this.fitted;
    this.x = (this.stage.clientWidth - this.size.width * this.scale) / 2;
    this.y = (this.stage.clientHeight - this.size.height * this.scale) / 2;
    this.apply();
  }

  /**
   * @param {number} factor
   * @param {number} [x] The point of the stage that stays where it is
   * @param {number} [y]
   */
  zoom(factor, x = this.stage.clientWidth / 2, y = this.stage.clientHeight / 2) {
    const scale = clamp(this.scale * factor, Math.min(this.fitted, 1), MOST);
    this.x = x - ((x - this.x) / this.scale) * scale;
    this.y = y - ((y - this.y) / this.scale) * scale;
    this.scale = scale;
    this.isFitted = false;
    this.apply();
  }

  /** @param {number} dx @param {number} dy */
  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.isFitted = false;
    this.apply();
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    event.preventDefault();
    if (event.shiftKey) {
      this.pan(-event.deltaY - event.deltaX, 0);
      return;
    }
    const { left, top } = this.stage.getBoundingClientRect();
    this.zoom(Math.exp(-event.deltaY / 400), event.clientX - left, event.clientY - top);
  }

  apply() {
    const [width, height] = [this.size.width * this.scale, this.size.height * this.scale];
    // Some of the picture stays in sight.
    this.x = clamp(this.x, Math.min(40, this.stage.clientWidth - 40) - width, Math.max(this.stage.clientWidth - 40, 0));
    this.y = clamp(this.y, Math.min(40, this.stage.clientHeight - 40) - height, Math.max(this.stage.clientHeight - 40, 0));
    Object.assign(this.paper.style, { left: `${this.x}px`, top: `${this.y}px`, width: `${width}px`, height: `${height}px` });
    this.onChange();
  }

  /** @param {{clientX: number, clientY: number}} event @returns {number[]} In pixels of the picture */
  at({ clientX, clientY }) {
    const { left, top } = this.stage.getBoundingClientRect();
    return [(clientX - left - this.x) / this.scale, (clientY - top - this.y) / this.scale];
  }
}
