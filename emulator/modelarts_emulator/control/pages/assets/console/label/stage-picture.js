// A picture at work: looked at closely, and drawn upon where the dataset takes shapes.

import { button, h, nextFrame, s, show } from "../core/dom.js";
import { note } from "../core/notes.js";
import { FEATURE, SHAPE } from "../core/wire.js";
import { colourOf } from "../model/colours.js";
import { clamp, distance, handles, inside, isBig, isOn, moved, resized, under } from "../model/geometry.js";
import { changed } from "../model/labelling.js";
import { MaskBrush } from "./mask-brush.js";
import { drawn, shapeOf, sizeOf } from "./overlay.js";
import { TOOLS } from "./tools.js";
import { Viewport } from "./viewport.js";

/** @typedef {import("../model/geometry.js").Shape} Shape */
/** @typedef {import("../model/geometry.js").Point} Point */
/** @typedef {import("./tools.js").Tool} Tool */
/** @typedef {import("./editor.js").Editor} Editor */

const SLACK = 7; // CSS pixels around a handle or a line
const CLICK = 3; // CSS pixels that a click may move

export class PictureStage {
  /** @param {Editor} editor @param {Tool[] | null} tools The tools to draw with, the first to select; none where nothing is drawn */
  constructor(editor, tools) {
    this.editor = editor;
    this.draws = tools !== null;
    this.tools = tools ?? TOOLS.slice(0, 1);
    this.tool = this.tools[this.draws ? 1 : 0];
    this.isPanning = false;
    /** A shape that is being drawn or changed, and which label it belongs to: -1 for a new one. @type {{place: number, shape: Shape} | null} */
    this.draft = null;
    this.isOpen = false; // whether clicks add points to the draft
    /** @type {AbortController | null} */
    this.drag = null;
    this.draw = nextFrame(() => this.drawNow());
    this.svg = s("svg", { class: "shapes canvas", role: "img" });
    this.picture = h("img.stored", { alt: "", draggable: "false" });
    /** What is drawn of each label, to be kept as long as it stays the same. @type {Array<{key: any[], element: SVGElement}>} */
    this.parts = [];
    this.layer = s("g");
    this.top = s("g");
    this.paper = h("div.paper", {}, this.picture, this.svg);
    this.element = h("div.picture-stage", { tabindex: "-1" }, this.paper);
    this.view = new Viewport(this.element, this.paper, () => this.draw());
    this.brush = new MaskBrush(this);
    this.toolbar = this.makeToolbar();
    this.element.addEventListener("pointerdown", (event) => this.press(/** @type {PointerEvent} */ (event)));
    this.element.addEventListener("dblclick", () => this.finish());
    this.element.addEventListener("pointermove", (event) => this.hover(/** @type {PointerEvent} */ (event)));
    this.picture.addEventListener("load", () => this.loaded());
    this.picture.addEventListener("error", () => this.element.classList.add("broken"));
  }

  makeToolbar() {
    const zoom = [
      button("−", () => this.view.zoom(1 / 1.4), { class: "tool", "aria-label": "Zoom out", title: "Zoom out (-)" }),
      button("+", () => this.view.zoom(1.4), { class: "tool", "aria-label": "Zoom in", title: "Zoom in (+)" }),
      button("Fit", () => this.view.fit(), { class: "tool", title: "Fit to the screen (0)" }),
    ];
    this.buttons = this.draws ? this.tools.map((tool) => button([h("span.tool-icon", { "aria-hidden": "true" }, tool.icon), tool.name], () => this.choose(tool),
      { class: "tool", "aria-pressed": String(tool === this.tool), title: `${tool.text} (${tool.key})` })) : [];
    return h("div.toolbar", { role: "toolbar", "aria-label": "Tools" }, this.buttons, h("span.spring", {}), zoom);
  }

  get commands() {
    const group = "Picture";
    const zoom = [
      { keys: ["+", "="], text: "Zoom in (or the wheel)", group, run: () => this.view.zoom(1.4) },
      { keys: ["-"], text: "Zoom out", group, run: () => this.view.zoom(1 / 1.4) },
      { keys: ["0", "Ctrl+0"], text: "Fit to the screen", group, run: () => this.view.fit() },
    ];
    if (!this.draws) return zoom;
    const nudges = [["ArrowLeft", -1, 0], ["ArrowRight", 1, 0], ["ArrowUp", 0, -1], ["ArrowDown", 0, 1]].flatMap(([key, dx, dy]) => [
      { keys: [`Shift+${key}`], text: "Move the chosen shape by a pixel", group, run: () => this.nudge(Number(dx), Number(dy), false) },
      { keys: [`Ctrl+Shift+${key}`], text: "Move it by 10 pixels", group, run: () => this.nudge(Number(dx) * 10, Number(dy) * 10, false) },
      { keys: [`Alt+Shift+${key}`], text: "Resize it", group, run: () => this.nudge(Number(dx) * 5, Number(dy) * 5, true) },
    ]);
    return [
      ...this.tools.map((tool) => ({ keys: [tool.key], text: tool.text, group: "Tools", run: () => this.choose(tool) })),
      { keys: ["Enter"], text: "Finish a polygon, polyline or mask", group: "Tools", run: () => this.finish() },
      { keys: ["i", "Insert"], text: "Put a shape into the middle of the view", group: "Tools", run: () => this.insert() },
      ...zoom,
      ...nudges,
    ];
  }

  /** @param {Tool} tool */
  choose(tool) {
    this.cancel();
    this.tool = tool;
    this.tools.forEach((each, number) => this.buttons?.[number].setAttribute("aria-pressed", String(each === tool)));
    this.element.dataset.tool = tool.kind ?? "select";
    this.draw();
  }

  // What the editor asks for

  show() {
    const { sample } = this.editor;
    this.cancel();
    this.element.classList.remove("broken");
    this.picture.removeAttribute("src");
    if (sample?.source) this.picture.src = sample.source;
    this.svg.setAttribute("aria-label", sample?.sample_name ?? "");
    const size = sample && sizeOf(sample);
    this.hasSize = Boolean(size);
    if (size) this.view.show(size);
    else this.draw();
  }

  loaded() {
    if (this.hasSize || !this.picture.naturalWidth) return;
    this.hasSize = true;
    this.view.show({ width: this.picture.naturalWidth, height: this.picture.naturalHeight });
  }

  update() {
    this.draw();
  }

  /** Leave what is being drawn. @returns {boolean} Whether there was anything */
  cancel() {
    const was = Boolean(this.draft || this.drag || this.brush.isActive);
    this.drag?.abort();
    this.drag = null;
    this.draft = null;
    this.isOpen = false;
    this.brush.clear();
    if (was) this.draw();
    return was;
  }

  /** Remove the last point of what is being drawn. @returns {boolean} */
  erase() {
    if (!this.isOpen || !this.draft) return false;
    const { kind, feature } = this.draft.shape;
    if (feature.length <= 2) return this.cancel();
    this.draft.shape = { kind, feature: [...feature.slice(0, -2), feature[feature.length - 1]] };
    this.draw();
    return true;
  }

  // Drawing

  get shapes() {
    return this.editor.given.map((label, place) => (this.draft?.place === place ? this.draft.shape : shapeOf(label)));
  }

  drawNow() {
    const { width, height } = this.view.size;
    const pixel = 1 / this.view.scale;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const { given, chosen, labels } = this.editor;
    this.shapes.forEach((shape, place) => this.drawPart(place, shape, colourOf(given[place], labels), pixel));
    for (const { element } of this.parts.splice(given.length)) element.remove();
    show(this.top, this.draft && this.draft.place < 0 ? this.drawDraft(this.draft.shape, pixel) : null, this.brush.element,
      [...chosen].flatMap((place) => this.handlesOf(place, pixel)));
    if (!this.layer.isConnected) show(this.svg, this.layer, this.top);
  }

  /** Draw the shape of a label, unless it is there as it should be. @param {number} place @param {Shape | null} shape @param {string} colour @param {number} pixel */
  drawPart(place, shape, colour, pixel) {
    const isChosen = this.editor.chosen.has(place);
    const { name = "" } = this.editor.given[place];
    const key = [shape?.feature, shape?.kind, name, colour, pixel, isChosen];
    const old = this.parts[place];
    if (old && key.every((each, number) => each === old.key[number])) return;
    const element = s("g", { "data-number": place, class: isChosen ? "chosen" : null });
    element.style.setProperty("--colour", colour);
    if (shape) element.append(drawn(shape, 5 * pixel), this.caption(name, shape, pixel));
    if (old) old.element.replaceWith(element);
    else this.layer.append(element);
    this.parts[place] = { key, element };
  }

  /** @param {Shape} shape @param {number} pixel */
  drawDraft(shape, pixel) {
    const element = drawn(shape, 5 * pixel);
    element.classList.add("new");
    element.style.setProperty("--colour", this.editor.active ? colourOf(this.editor.active, this.editor.labels) : "#888");
    return element;
  }

  /** @param {string} name @param {Shape} shape @param {number} pixel */
  caption(name, shape, pixel) {
    const [x, y] = shape.kind === "circle" ? [shape.feature[0][0], shape.feature[0][1] - shape.feature[1][0]] : shape.feature[0];
    return s("text", { class: "caption", x: x + 2 * pixel, y: Math.max(12 * pixel, y - 4 * pixel), "font-size": 12 * pixel, "aria-hidden": "true" }, name.slice(0, 40));
  }

  /** @param {number} place @param {number} pixel @returns {SVGElement[]} */
  handlesOf(place, pixel) {
    const shape = this.shapes[place];
    if (!shape) return [];
    const half = 4 * pixel;
    return handles(shape).map(([x, y]) => s("rect", { class: "handle", x: x - half, y: y - half, width: 2 * half, height: 2 * half }));
  }

  // The pointer

  /** @param {Point} point @returns {{place: number, handle: number} | null} */
  handleAt(point) {
    for (const place of this.editor.chosen) {
      const shape = this.shapes[place];
      if (!shape) continue;
      let [nearest, handle] = [SLACK / this.view.scale, -1];
      handles(shape).forEach((each, number) => {
        const away = distance(each, point);
        if (away < nearest) [nearest, handle] = [away, number];
      });
      if (handle >= 0) return { place, handle };
    }
    return null;
  }

  /** @param {Point} point @returns {number} The chosen shape that is under it; -1 where none is */
  chosenAt(point) {
    const slack = SLACK / this.view.scale;
    const { shapes } = this;
    return [...this.editor.chosen].find((place) => shapes[place] && isOn(/** @type {Shape} */ (shapes[place]), point, slack)) ?? -1;
  }

  /** @param {PointerEvent} event */
  hover(event) {
    if (this.drag) return;
    const point = this.view.at(event);
    if (this.isOpen && this.draft) {
      const { kind, feature } = this.draft.shape;
      this.draft.shape = { kind, feature: [...feature.slice(0, -1), inside(point, this.view.size)] };
      this.draw();
    }
    const isMove = this.draws && !event.shiftKey && this.chosenAt(point) >= 0;
    this.element.dataset.over = this.isPanning ? "pan" : this.handleAt(point) ? "handle" : isMove ? "move" : "";
  }

  /** @param {PointerEvent} event */
  press(event) {
    if (event.button === 1 || this.isPanning || (!this.draws && event.button === 0)) {
      event.preventDefault();
      this.panFrom(event);
    } else if (event.button === 0 && this.hasSize && this.editor.sample) {
      event.preventDefault();
      this.element.focus({ preventScroll: true });
      this.pressAt(event, this.view.at(event));
    }
  }

  /** @param {PointerEvent} event @param {Point} point */
  pressAt(event, point) {
    const start = inside(point, this.view.size);
    const grip = this.isOpen ? null : this.handleAt(point);
    if (this.brush.isActive || this.tool.kind === "mask") this.brush.press(event);
    else if (grip && event.altKey) this.removePoint(grip.place, grip.handle);
    else if (grip) this.resizeFrom(event, grip.place, grip.handle);
    else if (this.isOpen) this.addPoint(start);
    else if (!event.shiftKey && this.chosenAt(point) >= 0) this.moveFrom(event, this.chosenAt(point), start);
    else if (!this.tool.kind) this.selectFrom(event, point, start);
    else if (this.tool.isOpen) this.begin(start);
    else this.drawFrom(event, start);
  }

  /**
   * Follow the pointer until it is let go; `end` hears whether it was a click.
   * @param {PointerEvent} event
   * @param {(moved: PointerEvent) => void} move
   * @param {(isClick: boolean, ended: PointerEvent) => void} end
   */
  follow(event, move, end) {
    const drag = new AbortController();
    this.drag = drag;
    const { clientX, clientY, pointerId } = event;
    this.element.setPointerCapture(pointerId);
    const { signal } = drag;
    const isFar = (/** @type {PointerEvent} */ each) => Math.hypot(each.clientX - clientX, each.clientY - clientY) > CLICK;
    let isClick = true;
    this.element.addEventListener("pointermove", (each) => {
      isClick = isClick && !isFar(/** @type {PointerEvent} */ (each));
      if (!isClick) move(/** @type {PointerEvent} */ (each));
    }, { signal });
    this.element.addEventListener("pointercancel", () => this.cancel(), { signal }); // as when a finger turns out to scroll
    this.element.addEventListener("pointerup", (each) => {
      drag.abort();
      this.drag = null;
      end(isClick, /** @type {PointerEvent} */ (each));
    }, { signal });
  }

  /** @param {PointerEvent} event */
  panFrom(event) {
    let [x, y] = [event.clientX, event.clientY];
    this.follow(event, (each) => {
      this.view.pan(each.clientX - x, each.clientY - y);
      [x, y] = [each.clientX, each.clientY];
    }, () => {});
  }

  /** @param {PointerEvent} event @param {number} place @param {number} handle */
  resizeFrom(event, place, handle) {
    const shape = /** @type {Shape} */ (this.shapes[place]);
    this.follow(event, (each) => {
      this.draft = { place, shape: { kind: shape.kind, feature: resized(shape, handle, this.view.at(each), this.view.size) } };
      this.draw();
    }, () => this.keep("Resize"));
  }

  /** @param {PointerEvent} event @param {number} place @param {Point} start */
  moveFrom(event, place, start) {
    const shape = /** @type {Shape} */ (this.shapes[place]);
    this.follow(event, (each) => {
      const [x, y] = this.view.at(each);
      this.draft = { place, shape: { kind: shape.kind, feature: moved(shape, x - start[0], y - start[1], this.view.size) } };
      this.draw();
    }, (isClick, ended) => (isClick ? this.click(this.view.at(ended), ended) : this.keep("Move")));
  }

  /** With the pointer tool: choose what is there, and move it. @param {PointerEvent} event @param {Point} point @param {Point} start */
  selectFrom(event, point, start) {
    const [place] = under(this.shapes, point, SLACK / this.view.scale);
    if (place === undefined) {
      this.editor.choose([]);
      this.panFrom(event);
      return;
    }
    this.editor.choose(event.ctrlKey || event.metaKey ? [...this.editor.chosen, place] : [place]);
    this.moveFrom(event, place, start);
  }

  /** @param {PointerEvent} event @param {Point} start */
  drawFrom(event, start) {
    const { kind, make } = this.tool;
    if (!kind || kind === "mask" || !make) return;
    this.follow(event, (each) => {
      this.draft = { place: -1, shape: { kind, feature: make(start, inside(this.view.at(each), this.view.size)) } };
      this.draw();
    }, (isClick, ended) => {
      if (isClick) {
        this.draft = null;
        this.click(this.view.at(ended), ended);
      } else if (this.draft && isBig(this.draft.shape)) {
        this.add(this.draft.shape);
      } else {
        this.cancel();
        this.draw();
      }
    });
  }

  /** Choose the smallest shape under a point or, where one is chosen already, the next larger one. @param {Point} point @param {PointerEvent} event */
  click(point, event) {
    const found = under(this.shapes, point, SLACK / this.view.scale);
    const last = found.findIndex((place) => this.editor.chosen.has(place));
    const next = found[(last + 1) % found.length];
    if (event.ctrlKey || event.metaKey) this.editor.choose([...this.editor.chosen, ...found.slice(0, 1)]);
    else this.editor.choose(next === undefined ? [] : [next]);
  }

  // Shapes of many points

  /** @param {Point} start */
  begin(start) {
    const kind = this.tool.kind;
    if (!kind || kind === "mask") return;
    if (kind === "point") {
      this.add({ kind, feature: [start] });
      return;
    }
    this.editor.choose([]);
    this.isOpen = true;
    this.draft = { place: -1, shape: { kind, feature: [start, start] } };
    this.draw();
  }

  /** @param {Point} point */
  addPoint(point) {
    if (!this.draft) return;
    const { kind, feature } = this.draft.shape;
    const isClosing = kind === "polygon" && feature.length > 3 && distance(feature[0], point) < (SLACK + 2) / this.view.scale;
    if (isClosing) {
      this.finish();
      return;
    }
    this.draft.shape = { kind, feature: [...feature.slice(0, -1), point, point] };
    this.draw();
  }

  /** End a polygon or polyline, or the painting of a mask. @returns {boolean} */
  finish() {
    if (this.brush.isActive) {
      const outline = this.brush.outline();
      this.brush.clear();
      if (outline.length) this.add({ kind: "polygon", feature: outline });
      else this.draw();
      return true;
    }
    if (!this.isOpen || !this.draft) return false;
    const { kind, feature } = this.draft.shape;
    const points = feature.slice(0, -1).filter((point, number, all) => !number || distance(point, all[number - 1]) > 0);
    const shape = /** @type {Shape} */ ({ kind, feature: points });
    this.isOpen = false;
    this.draft = null;
    if (isBig(shape)) this.add(shape);
    else {
      note(`A ${kind} needs ${kind === "polygon" ? "three" : "two"} points.`, true);
      this.draw();
    }
    return true;
  }

  /** @param {number} place @param {number} point */
  removePoint(place, point) {
    const shape = /** @type {Shape} */ (this.shapes[place]);
    const rest = { kind: shape.kind, feature: shape.feature.filter((_, number) => number !== point) };
    if ((shape.kind === "polygon" || shape.kind === "polyline") && isBig(rest)) {
      this.draft = { place, shape: rest };
      this.keep("Remove a point of");
    }
  }

  // What becomes of it

  /** @param {Shape} shape */
  add(shape) {
    this.draft = null;
    this.isOpen = false;
    this.editor.withLabel((label) => {
      const made = { name: label.name, type: label.type ?? this.editor.kind.label, property: { [SHAPE]: shape.kind, [FEATURE]: shape.feature } };
      this.editor.edit(`Draw ${shape.kind}`, [...this.editor.given, made]);
      this.editor.choose([this.editor.given.length - 1]);
    }, () => {
      this.draft = { place: -1, shape };
      this.draw();
    });
  }

  /** Keep the changed shape. @param {string} title */
  keep(title) {
    const { draft } = this;
    this.draft = null;
    if (!draft) return;
    const { given } = this.editor;
    const before = given[draft.place]?.property?.[FEATURE];
    if (JSON.stringify(before) === JSON.stringify(draft.shape.feature)) this.draw();
    else this.editor.edit(`${title} ${draft.shape.kind}`, changed(given, draft.place, { [FEATURE]: draft.shape.feature }));
  }

  /** @param {number} dx @param {number} dy @param {boolean} isResize @returns {boolean} */
  nudge(dx, dy, isResize) {
    const { given, chosen } = this.editor;
    const { size } = this.view;
    let after = given;
    for (const place of chosen) {
      const shape = this.shapes[place];
      if (!shape) continue;
      const corner = shape.kind === "bndbox" ? 4 : shape.kind === "circle" ? 0 : -1;
      const [x, y] = handles(shape)[corner] ?? [];
      const feature = isResize && corner >= 0 ? resized(shape, corner, [x + dx, y + dy], size) : moved(shape, dx, dy, size);
      after = changed(after, place, { [FEATURE]: feature });
    }
    if (after === given) return false;
    this.editor.edit(isResize ? "Resize" : "Move", after);
    return true;
  }

  /** Put a shape into the middle of what is seen, to be moved and resized by keys. */
  insert() {
    const { clientWidth, clientHeight } = this.element;
    const { left, top } = this.element.getBoundingClientRect();
    const { size } = this.view;
    const [x, y] = inside(this.view.at({ clientX: left + clientWidth / 2, clientY: top + clientHeight / 2 }), size);
    const reach = Math.max(2, Math.round(Math.min(size.width, size.height, clientWidth / this.view.scale) / 8));
    const kind = this.tool.kind && this.tool.kind !== "mask" ? this.tool.kind : /** @type {import("../model/geometry.js").Kind} */ (this.tools[1].kind);
    const [one, other] = [inside([x - reach, y - reach], size), inside([x + reach, y + reach], size)];
    /** @type {Object<string, Point[]>} */
    const features = {
      bndbox: [one, other], circle: [[x, y], [reach]], point: [[x, y]], line: [one, other], dashed: [one, other], polyline: [one, [x, y], other],
      polygon: [[x, one[1]], other, [one[0], other[1]]],
    };
    this.add({ kind, feature: features[kind] });
  }

  /** Copy the chosen shapes, a little aside. @returns {boolean} */
  duplicate() {
    const { given, chosen } = this.editor;
    const by = clamp(Math.round(10 / this.view.scale), 1, 20);
    const copies = [...chosen].flatMap((place) => {
      const shape = this.shapes[place];
      const { id: _, ...label } = given[place];
      return shape ? [{ ...label, property: { ...label.property, [FEATURE]: moved(shape, by, by, this.view.size) } }] : [];
    });
    if (!copies.length) return false;
    this.editor.edit("Duplicate", [...given, ...copies]);
    this.editor.choose(copies.map((_, number) => given.length + number));
    return true;
  }
}
