// The waveform of a sound, with stretches of it: played, chosen, and made with the pointer.

import { h } from "../core/dom.js";
import { mark } from "../core/http.js";
import { clamp } from "../model/geometry.js";
import { peaks } from "../model/moments.js";

/** @typedef {{start: number, end: number, colour: string, text: string, isChosen: boolean}} Stretch Times in seconds. */

const EDGE = 6; // CSS pixels within which the end of a stretch is taken hold of
const HEIGHT = 140;

export class Waveform {
  /**
   * @param {HTMLMediaElement} media
   * @param {{onMake?: (start: number, end: number) => void, onChange?: (place: number, start: number, end: number) => void, onChoose?: (place: number) => void}} actions
   */
  constructor(media, actions) {
    this.media = media;
    this.actions = actions;
    this.canvas = h("canvas.waveform", { role: "img", "aria-label": "Waveform" });
    /** @type {Stretch[]} */
    this.stretches = [];
    /** @type {{place: number, start: number, end: number} | null} */
    this.draft = null;
    /** @type {Float32Array | null} */
    this.samples = null;
    this.zoom = 1;
    this.element = h("div.waveform-scroll", {}, this.canvas);
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.element);
    this.canvas.addEventListener("pointerdown", (event) => this.press(event));
    media.addEventListener("timeupdate", () => this.draw());
    media.addEventListener("loadedmetadata", () => this.draw());
    media.addEventListener("play", () => this.follow());
  }

  get duration() {
    return Number.isFinite(this.media.duration) && this.media.duration > 0 ? this.media.duration : 0;
  }

  /** @param {string} source */
  async load(source) {
    this.samples = null;
    this.draw();
    try {
      const answer = await fetch(source, { headers: mark() });
      const context = new OfflineAudioContext(1, 1, 44100);
      const sound = await context.decodeAudioData(await answer.arrayBuffer());
      if (this.media.src !== new URL(source, location.href).href) return; // another sample is shown by now
      this.samples = sound.getChannelData(0);
    } catch { /* it can be played perhaps, if not drawn */ }
    this.draw();
  }

  follow() {
    this.draw();
    if (!this.media.paused && this.canvas.isConnected) requestAnimationFrame(() => this.follow());
  }

  /** @param {number} seconds */
  x(seconds) {
    return this.duration ? (seconds / this.duration) * this.width : 0;
  }

  get width() {
    return Math.max(50, this.element.clientWidth) * this.zoom;
  }

  draw() {
    const { width } = this;
    const ratio = Math.min(window.devicePixelRatio || 1, 32000 / width);
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(HEIGHT * ratio);
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${HEIGHT}px`;
    const pen = this.canvas.getContext("2d");
    if (!pen) return;
    pen.scale(ratio, ratio);
    const style = getComputedStyle(this.element);
    pen.fillStyle = style.getPropertyValue("--accent") || "#1c5fb0";
    if (this.samples) {
      peaks(this.samples, Math.floor(width)).forEach(([least, most], column) => {
        pen.fillRect(column, (HEIGHT / 2) * (1 - most), 1, Math.max(1, ((most - least) * HEIGHT) / 2));
      });
    }
    this.stretches.forEach((stretch, place) => this.drawStretch(pen, this.draft?.place === place ? { ...stretch, ...this.draft } : stretch));
    if (this.draft && this.draft.place < 0) this.drawStretch(pen, { ...this.draft, colour: "#888888", text: "", isChosen: true });
    pen.fillStyle = style.getPropertyValue("--bad") || "#a3221c";
    pen.fillRect(this.x(this.media.currentTime), 0, 2, HEIGHT);
  }

  /** @param {CanvasRenderingContext2D} pen @param {Stretch} stretch */
  drawStretch(pen, { start, end, colour, text, isChosen }) {
    const [left, right] = [this.x(start), this.x(end)];
    pen.globalAlpha = isChosen ? 0.45 : 0.25;
    pen.fillStyle = colour;
    pen.fillRect(left, 0, right - left, HEIGHT);
    pen.globalAlpha = 1;
    pen.fillRect(left, 0, 2, HEIGHT);
    pen.fillRect(right - 2, 0, 2, HEIGHT);
    pen.fillStyle = getComputedStyle(this.element).color;
    pen.font = "12px system-ui, sans-serif";
    pen.fillText(text.slice(0, 60), left + 5, 14, Math.max(10, right - left - 8));
  }

  /** @param {PointerEvent} event */
  press(event) {
    const at = (/** @type {PointerEvent} */ each) => clamp(((each.clientX - this.canvas.getBoundingClientRect().left) / this.width) * this.duration, 0, this.duration);
    const start = at(event);
    const grip = this.gripAt(this.x(start));
    this.canvas.setPointerCapture(event.pointerId);
    const drag = new AbortController();
    this.canvas.addEventListener("pointermove", (each) => {
      const now = at(each);
      if (grip) this.draft = { place: grip.place, start: Math.min(grip.fixed, now), end: Math.max(grip.fixed, now) };
      else if (this.actions.onMake && Math.abs(this.x(now) - this.x(start)) > 3) this.draft = { place: -1, start: Math.min(start, now), end: Math.max(start, now) };
      this.draw();
    }, { signal: drag.signal });
    this.canvas.addEventListener("pointerup", () => {
      drag.abort();
      const { draft } = this;
      this.draft = null;
      if (draft && draft.end - draft.start > 0.005) {
        if (draft.place < 0) this.actions.onMake?.(draft.start, draft.end);
        else this.actions.onChange?.(draft.place, draft.start, draft.end);
      } else {
        this.media.currentTime = start;
        this.actions.onChoose?.(this.stretches.findIndex((each) => each.start <= start && start <= each.end));
      }
      this.draw();
    }, { signal: drag.signal });
    this.canvas.addEventListener("pointercancel", () => { drag.abort(); this.draft = null; this.draw(); }, { signal: drag.signal });
  }

  /** @param {number} x @returns {{place: number, fixed: number} | null} The end of a stretch near there, and the end that stays */
  gripAt(x) {
    for (const [place, { start, end }] of this.stretches.entries()) {
      if (Math.abs(this.x(start) - x) <= EDGE) return { place, fixed: end };
      if (Math.abs(this.x(end) - x) <= EDGE) return { place, fixed: start };
    }
    return null;
  }

  leave() {
    this.observer.disconnect();
  }
}
