// Samples that are only looked at, and videos, frame by frame.

import { button, h, show } from "../core/dom.js";
import { START_TIME } from "../core/wire.js";
import { seconds, written } from "../model/moments.js";

/** @typedef {import("./editor.js").Editor} Editor */
/** @typedef {import("../core/wire.js").Label} Label */

const FRAME_S = 1 / 25;

/** A row of a table, or a file. */
export class PlainStage {
  /** @param {Editor} editor */
  constructor(editor) {
    this.editor = editor;
    this.element = h("div.plain-stage", { tabindex: "-1" });
    this.toolbar = null;
    /** @type {import("./keys.js").Command[]} */
    this.commands = [];
  }

  show() {
    const { sample } = this.editor;
    if (!sample) {
      show(this.element);
    } else if (this.editor.kind.unit === "row") {
      const names = this.editor.context.dataset.schema ?? [];
      show(this.element, h("table", {}, h("tbody", {}, (sample.sample_data ?? []).map((cell, number) =>
        h("tr", {}, h("th", { scope: "row" }, names[number]?.name ?? `column ${number + 1}`), h("td", {}, cell))))));
    } else {
      show(this.element, h("p", {}, h("a", { href: sample.source, download: sample.sample_name ?? "" }, `Download ${sample.sample_name}`)));
    }
  }

  update() { /* nothing of it depends on labels */ }

  cancel() { return false; }
}

/** A video. */
export class VideoStage {
  /** @param {Editor} editor */
  constructor(editor) {
    this.editor = editor;
    this.video = h("video", { controls: true, preload: "auto" });
    this.moment = h("output.moment", {}, written(0));
    this.frames = h("div.frames", { "aria-label": "Marked frames" });
    this.element = h("div.video-stage", { tabindex: "-1" }, this.video, this.frames);
    this.toolbar = h("div.toolbar", { role: "toolbar", "aria-label": "Tools" },
      button("‹ frame", () => this.step(-1), { class: "tool", title: "A frame back (,)" }),
      button("frame ›", () => this.step(1), { class: "tool", title: "A frame on (.)" }), this.moment, h("span.spring", {}),
      h("span.faint", {}, "A label is set for the frame that is shown."));
    this.video.addEventListener("timeupdate", () => { this.moment.textContent = written(this.video.currentTime); });
  }

  get commands() {
    const group = "Video";
    return [
      { keys: [" "], text: "Play or pause", group, run: () => (this.video.paused ? this.video.play().catch(() => {}) : this.video.pause()) },
      { keys: [","], text: "A frame back", group, run: () => this.step(-1) },
      { keys: ["."], text: "A frame on", group, run: () => this.step(1) },
    ];
  }

  show() {
    this.video.src = this.editor.sample?.source ?? "";
    this.update();
  }

  update() {
    const { given, chosen } = this.editor;
    show(this.frames, given.flatMap((label, place) => {
      const at = seconds(label.property?.[START_TIME]);
      if (Number.isNaN(at)) return [];
      return [button(`${label.property?.[START_TIME]} ${label.name ?? ""}`, () => { this.video.currentTime = at; this.editor.choose([place]); }, { class: "chip", "aria-pressed": String(chosen.has(place)) })];
    }));
  }

  /** @param {number} by */
  step(by) {
    this.video.pause();
    this.video.currentTime = Math.max(0, this.video.currentTime + by * FRAME_S);
  }

  /** Set a label for the frame that is shown. @param {Label} label @returns {boolean} */
  use(label) {
    const { given, kind } = this.editor;
    const at = written(this.video.currentTime);
    const place = given.findIndex((each) => each.name === label.name && each.property?.[START_TIME] === at);
    this.editor.edit(place < 0 ? `Mark ${label.name}` : `Unmark ${label.name}`, place < 0
      ? [...given, { name: label.name, type: kind.label, property: { [START_TIME]: at } }]
      : given.filter((_, number) => number !== place));
    return true;
  }

  cancel() { return false; }

  leave() {
    this.video.pause();
    this.video.removeAttribute("src");
  }
}
