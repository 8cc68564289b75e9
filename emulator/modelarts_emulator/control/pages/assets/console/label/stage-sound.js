// A sound at work: heard and seen, cut into segments, written down.

import { button, field, h } from "../core/dom.js";
import { CONTENT, END_TIME, SPEAKER, START_TIME } from "../core/wire.js";
import { colourOf } from "../model/colours.js";
import { changed } from "../model/labelling.js";
import { seconds, written } from "../model/moments.js";
import { Waveform } from "./waveform.js";

/** @typedef {import("./editor.js").Editor} Editor */
/** @typedef {import("../core/wire.js").Label} Label */

const STEP_S = 2;

export class SoundStage {
  /** @param {Editor} editor */
  constructor(editor) {
    this.editor = editor;
    const { tool } = editor.kind;
    this.hasSegments = tool === "segments";
    this.isTranscript = tool === "transcript";
    this.audio = h("audio", { controls: true, preload: "auto", "aria-label": "Sound" });
    this.wave = new Waveform(this.audio, this.hasSegments ? {
      onMake: (start, end) => this.make(start, end),
      onChange: (place, start, end) => this.editor.edit("Change a segment", changed(this.editor.given, place, { [START_TIME]: written(start), [END_TIME]: written(end) })),
      onChoose: (place) => this.editor.choose(place < 0 ? [] : [place]),
    } : {});
    this.content = h("textarea.content", { rows: 4, onchange: () => this.write(), onkeydown: (/** @type {KeyboardEvent} */ event) => this.keydown(event) });
    this.speaker = h("input", { "aria-label": "Speaker", placeholder: "speaker", onchange: () => this.write() });
    this.writing = h("div.writing", {}, field(this.isTranscript ? "Transcript" : "What is said in the chosen segment", this.content),
      this.hasSegments ? this.speaker : null, h("small.faint", {}, "Saved when you leave the field, or by Ctrl+Enter"));
    this.element = h("div.sound-stage", { tabindex: "-1" }, this.wave.element, this.audio, this.isTranscript || this.hasSegments ? this.writing : null);
    this.toolbar = h("div.toolbar", { role: "toolbar", "aria-label": "Tools" },
      button("▶ / ❚❚", () => this.play(), { class: "tool", "aria-label": "Play or pause", title: "Play or pause (Space)" }),
      this.hasSegments ? h("span.faint", {}, "Drag over the waveform to make a segment.") : null, h("span.spring", {}),
      button("−", () => this.zoom(1 / 1.5), { class: "tool", "aria-label": "Zoom out" }), button("+", () => this.zoom(1.5), { class: "tool", "aria-label": "Zoom in" }));
  }

  get commands() {
    const group = "Sound";
    return [
      { keys: [" "], text: "Play or pause", group, run: () => this.play() },
      { keys: [","], text: `Back by ${STEP_S} seconds`, group, run: () => this.seek(-STEP_S) },
      { keys: ["."], text: `On by ${STEP_S} seconds`, group, run: () => this.seek(STEP_S) },
      { keys: ["+", "="], text: "Zoom in", group, run: () => this.zoom(1.5) },
      { keys: ["-"], text: "Zoom out", group, run: () => this.zoom(1 / 1.5) },
      ...(this.hasSegments ? [
        { keys: ["s"], text: "Begin a segment here, or end the one that was begun", group, run: () => this.cut() },
        { keys: ["w"], text: "Write down the chosen segment", group, run: () => this.content.focus() },
      ] : []),
      ...(this.isTranscript ? [{ keys: ["w"], text: "Write", group, run: () => this.content.focus() }] : []),
    ];
  }

  show() {
    const source = this.editor.sample?.source ?? "";
    this.begun = -1;
    this.audio.src = source;
    this.update();
    this.wave.load(source);
  }

  update() {
    const { given, chosen, labels } = this.editor;
    if (this.hasSegments) {
      this.wave.stretches = given.map((label, place) => ({
        start: seconds(label.property?.[START_TIME]) || 0, end: seconds(label.property?.[END_TIME]) || 0, colour: colourOf(label, labels),
        text: [label.name, label.property?.[CONTENT]].filter(Boolean).join(": "), isChosen: chosen.has(place),
      }));
    }
    this.wave.draw();
    // An answer that arrives during typing must not replace what was typed.
    const isWriting = document.activeElement === this.content || document.activeElement === this.speaker;
    if (isWriting && this.written === this.place) return;
    this.written = this.place;
    const label = given[this.place];
    this.content.value = label?.property?.[CONTENT] ?? "";
    this.speaker.value = label?.property?.[SPEAKER] ?? "";
    this.content.disabled = this.hasSegments && !label;
    this.speaker.disabled = !label;
  }

  /** Which label is written down. */
  get place() {
    const { given, chosen } = this.editor;
    if (this.isTranscript) return given.findIndex((label) => label.property?.[CONTENT] !== undefined || !label.name);
    return [...chosen][0] ?? -1;
  }

  write() {
    const { given } = this.editor;
    const text = this.content.value;
    const place = this.place;
    // A transcript has no name: a name would become a label of the dataset.
    if (this.isTranscript && place < 0) {
      if (text) this.editor.edit("Write", [...given, { type: this.editor.kind.label, property: { [CONTENT]: text } }]);
    } else if (this.isTranscript && !text) {
      this.editor.edit("Erase", given.filter((_, number) => number !== place));
    } else if (given[place]) {
      const property = { [CONTENT]: text, ...(this.speaker.value ? { [SPEAKER]: this.speaker.value } : {}) };
      const isSame = given[place].property?.[CONTENT] === text && (given[place].property?.[SPEAKER] ?? "") === this.speaker.value;
      if (!isSame) this.editor.edit("Write", changed(given, place, property));
    }
  }

  /** Keep what was typed, before another sample is shown. */
  settle() {
    if (document.activeElement === this.content || document.activeElement === this.speaker) this.write();
  }

  /** @param {KeyboardEvent} event */
  keydown(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      this.write();
      this.editor.focus();
      event.preventDefault();
    }
  }

  /** @param {number} start @param {number} end */
  make(start, end) {
    const { given, active, kind } = this.editor;
    this.editor.edit("Make a segment", [...given, {
      ...(active ? { name: active.name } : {}), type: kind.label, property: { [START_TIME]: written(start), [END_TIME]: written(end), [CONTENT]: "" },
    }]);
    this.editor.choose([given.length]);
  }

  cut() {
    const now = this.audio.currentTime;
    if (this.begun === undefined || this.begun < 0) this.begun = now;
    else {
      const [start, end] = [Math.min(this.begun, now), Math.max(this.begun, now)];
      this.begun = -1;
      if (end - start > 0.005) this.make(start, end);
    }
  }

  play() {
    if (this.audio.paused) this.audio.play().catch(() => {});
    else this.audio.pause();
  }

  /** @param {number} by */
  seek(by) {
    this.audio.currentTime = Math.max(0, this.audio.currentTime + by);
  }

  /** @param {number} factor */
  zoom(factor) {
    this.wave.zoom = Math.min(40, Math.max(1, this.wave.zoom * factor));
    this.wave.draw();
  }

  cancel() {
    const was = this.begun !== undefined && this.begun >= 0;
    this.begun = -1;
    return was;
  }

  leave() {
    this.audio.pause();
    this.audio.removeAttribute("src");
    this.wave.leave();
  }
}
