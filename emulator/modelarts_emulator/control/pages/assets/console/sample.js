// One sample: looked at, labelled by keyboard, drawn upon.

import { api } from "./api.js";
import { whole } from "./content.js";
import { attempt, dialog, h, note, s, show } from "./dom.js";
import { shapeOf } from "./shapes.js";
import { colourOf, typeOf } from "./types.js";

const SHAPE = "@modelarts:shape";
const FEATURE = "@modelarts:feature";
const SHORTCUT = "@modelarts:shortcut";

/** Opens a sample; `list` has its `place`, how many there are, `sample(place)` and `saved()`. */
export function openSample(context, list) {
  const { id, dataset, labels } = context;
  const kind = typeOf(dataset.dataset_type);
  const body = h("div.sample", {});
  let { place } = list;
  let sample = null;
  let active = labels[0] ?? null;
  let chosen = -1; // the box that is moved or deleted

  const box = dialog("Sample", () => body, "wide");
  const heading = box.querySelector("h2");

  async function open(wanted) {
    if (wanted < 0 || wanted >= list.total) return;
    const identity = sample && wanted === place ? sample.sample_id : (await list.sample(wanted))?.sample_id;
    const found = identity && (await attempt(() => api("GET", `/${id}/data-annotations/samples/${identity}`)));
    if (!found) return;
    sample = found;
    place = wanted;
    chosen = -1;
    draw();
  }

  function draw() {
    heading.textContent = `${sample.sample_name || sample.sample_id} (${place + 1} of ${list.total})`;
    const stage = h("div.stage", {}, kind.unit === "picture" ? canvas() : whole(sample, dataset.dataset_type, labels));
    show(body, stage, h("div.side", {}, tools(), chosenLabels(),
      h("details", {}, h("summary", {}, "JSON"), h("pre", { tabindex: "0" }, JSON.stringify(sample, null, 2))),
      h("div.buttons", {},
        h("button", { type: "button", onclick: () => open(place - 1), disabled: place === 0 }, "‹ previous"),
        h("button", { type: "button", onclick: () => open(place + 1), disabled: place + 1 >= list.total }, "next ›"))));
  }

  // What can be given to the sample: the labels of the dataset, and a new one.
  function tools() {
    const input = h("input", { placeholder: "new label", "aria-label": "New label" });
    const add = (event) => {
      event.preventDefault();
      if (input.value.trim()) use({ name: input.value.trim(), type: dataset.dataset_type });
    };
    return [
      h("h3", {}, kind.draws ? "Draw" : "Label", " ", h("small.faint", {}, kind.draws ? "choose a label, then draw a box" : "digits, or a label's shortcut")),
      h("ul.chips.tools", {}, labels.slice(0, 50).map((label, number) => h("li", {},
        h("button.chip", {
          type: "button", style: { "--colour": colourOf(label, labels) }, "aria-pressed": String(isOn(label)), onclick: () => use(label),
          onmousedown: (event) => event.preventDefault(), // the text that is selected stays so
        }, number < 9 ? h("kbd", {}, number + 1) : null, label.name)))),
      h("form.row", { onsubmit: add }, input, h("button", {}, "Add")),
    ];
  }

  function chosenLabels() {
    const given = sample.labels ?? [];
    return h("ul.given", { "aria-label": "Labels of the sample" }, given.map((label, number) =>
      h(number === chosen ? "li.chosen" : "li", { style: { "--colour": colourOf(label, labels) } },
        h("span.chip", { style: { "--colour": colourOf(label, labels) } }, label.name ?? "—"),
        h("span.faint", {}, describe(label)),
        h("button.quiet", { type: "button", "aria-label": `Remove ${label.name ?? "label"}`, onclick: () => save(given.filter((_, each) => each !== number)) }, "✕"))));
  }

  const isOn = (label) => (kind.draws ? active?.name === label.name : (sample.labels ?? []).some((each) => each.name === label.name));

  // A label is switched on or off; where shapes are drawn it is the one to draw with.
  function use(label) {
    const given = sample.labels ?? [];
    if (kind.draws) {
      active = label;
      draw();
    } else if (kind.spans) {
      spanned(label);
    } else if (given.some((each) => each.name === label.name)) {
      save(given.filter((each) => each.name !== label.name));
    } else {
      save([...given, { name: label.name, type: label.type, ...(kind.writes ? { property: { "@modelarts:content": label.name } } : {}) }]);
    }
  }

  // The text that is selected becomes an entity.
  function spanned(label) {
    const selection = getSelection();
    const text = body.querySelector(".stage .text");
    if (!text || selection.isCollapsed || !text.contains(selection.anchorNode)) {
      note("Select a part of the text first.", true);
      return;
    }
    const range = selection.getRangeAt(0);
    const before = document.createRange();
    before.setStart(text, 0);
    before.setEnd(range.startContainer, range.startOffset);
    const plain = (part) => {
      const copy = part.cloneContents();
      for (const sub of copy.querySelectorAll("sub")) sub.remove();
      return [...copy.textContent].length;
    };
    const start = plain(before);
    const property = { "@modelarts:start_index": start, "@modelarts:end_index": start + plain(range) };
    save([...(sample.labels ?? []), { name: label.name, type: label.type, id: crypto.randomUUID(), property }]);
  }

  async function save(given) {
    const body_ = { samples: [{ sample_id: sample.sample_id, labels: given.map(({ annotated_by, ...label }) => label) }] };
    const done = await attempt(() => api("PUT", `/${id}/data-annotations/samples`, { body: body_ }));
    if (done && !done.success) note(done.results[0].error_msg, true);
    const known = await attempt(() => api("GET", `/${id}/data-annotations/labels`)); // a new one may have come
    if (known?.labels) labels.splice(0, labels.length, ...known.labels);
    list.saved();
    await open(place);
  }

  // The picture, in its own pixels; boxes are drawn and moved with the pointer.
  function canvas() {
    const [width, height] = sample.metadata?.["@modelarts:size"] ?? [0, 0];
    const svg = s("svg", { class: "shapes canvas", viewBox: `0 0 ${width || 1} ${height || 1}`, preserveAspectRatio: "xMidYMid meet", role: "img", "aria-label": sample.sample_name ?? "" });
    (sample.labels ?? []).forEach((label, number) => {
      const shape = shapeOf(label, labels);
      if (!shape) return;
      if (number === chosen) shape.classList.add("chosen");
      shape.dataset.number = number;
      svg.append(shape);
    });
    if (kind.draws && width) drawing(svg, width, height);
    return h("div.picture", {}, h("img", { src: sample.source, alt: "" }), svg);
  }

  function drawing(svg, width, height) {
    const at = (event) => {
      const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      return [Math.round(Math.min(width, Math.max(0, point.x))), Math.round(Math.min(height, Math.max(0, point.y)))];
    };
    svg.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      const number = event.target.dataset?.number === undefined ? -1 : Number(event.target.dataset.number);
      const start = at(event);
      const label = (sample.labels ?? [])[number];
      const isMoved = label?.property?.[SHAPE] === "bndbox";
      const before = isMoved ? structuredClone(label.property[FEATURE]) : null;
      const shape = isMoved ? event.target : svg.appendChild(s("rect", { class: "new", style: { "--colour": active ? colourOf(active, labels) : "#888" } }));
      let feature = before;
      svg.setPointerCapture(event.pointerId);
      const move = (moved) => {
        const [x, y] = at(moved);
        if (isMoved) {
          const [[left, top], [right, bottom]] = before;
          const across = Math.min(width - right, Math.max(-left, x - start[0]));
          const down = Math.min(height - bottom, Math.max(-top, y - start[1]));
          feature = [[left + across, top + down], [right + across, bottom + down]];
        } else {
          feature = [[Math.min(start[0], x), Math.min(start[1], y)], [Math.max(start[0], x), Math.max(start[1], y)]];
        }
        const [[left, top], [right, bottom]] = feature;
        for (const [name, value] of Object.entries({ x: left, y: top, width: right - left, height: bottom - top })) shape.setAttribute(name, value);
      };
      const drag = new AbortController();
      const ends = (what, happens) => svg.addEventListener(what, () => { drag.abort(); happens(); }, { signal: drag.signal });
      svg.addEventListener("pointermove", move, { signal: drag.signal });
      ends("pointercancel", draw); // as when a finger turns out to scroll
      ends("pointerup", () => {
        const given = [...(sample.labels ?? [])];
        if (isMoved) {
          chosen = number;
          if (String(feature) === String(before)) { draw(); return; }
          given[number] = { ...label, property: { ...label.property, [FEATURE]: feature } };
          save(given);
        } else if (feature && feature[1][0] - feature[0][0] > 2 && feature[1][1] - feature[0][1] > 2) {
          if (!active) { note("Add a label first.", true); shape.remove(); return; }
          save([...given, { name: active.name, type: active.type ?? 1, property: { [SHAPE]: "bndbox", [FEATURE]: feature } }]);
        } else {
          shape.remove();
          chosen = -1;
        }
      });
    });
  }

  box.addEventListener("keydown", (event) => {
    if (event.target.matches("input, textarea, select") || event.ctrlKey || event.metaKey || event.altKey) return;
    const digit = Number(event.key);
    const label = digit >= 1 && digit <= 9 ? labels[digit - 1] : labels.find((each) => each.property?.[SHORTCUT] === event.key);
    if (label) use(label);
    else if (event.key === "ArrowRight") open(place + 1);
    else if (event.key === "ArrowLeft") open(place - 1);
    else if ((event.key === "Delete" || event.key === "Backspace") && chosen >= 0) save((sample.labels ?? []).filter((_, each) => each !== chosen));
    else return;
    event.preventDefault();
  });
  open(place);
}

function describe(label) {
  const property = label.property ?? {};
  if (property[SHAPE]) return `${property[SHAPE]} ${JSON.stringify(property[FEATURE])}`;
  if (property["@modelarts:start_index"] !== undefined) return `${property["@modelarts:start_index"]}–${property["@modelarts:end_index"]}`;
  if (property["@modelarts:start_time"]) return `${property["@modelarts:start_time"]}–${property["@modelarts:end_time"]} ${property["@modelarts:content"] ?? ""}`;
  return property["@modelarts:content"] ?? "";
}
