// A sample as its type is looked at: a picture with its shapes, a text with its entities, a player, a row.

import { h } from "./dom.js";
import { overlay } from "./shapes.js";
import { thumbnail } from "./thumbnail.js";
import { colourOf, typeOf } from "./types.js";

const AT_START = "@modelarts:start_index";
const AT_END = "@modelarts:end_index";

export function textOf(sample) {
  return (sample.source ?? "").replace(/^content:\/\//, "");
}

/** A text with its entities underlined; where they overlap, the one that begins first is shown. */
function marked(sample, labels) {
  const characters = [...textOf(sample)];
  const entities = (sample.labels ?? [])
    .map((label) => ({ label, start: label.property?.[AT_START], end: label.property?.[AT_END] }))
    .filter(({ start, end }) => Number.isInteger(start) && Number.isInteger(end) && start < end)
    .sort((one, other) => one.start - other.start);
  const parts = [];
  let place = 0;
  for (const { label, start, end } of entities) {
    if (start < place) continue;
    parts.push(characters.slice(place, start).join(""));
    parts.push(h("mark", { style: { "--colour": colourOf(label, labels) }, title: label.name ?? "" },
      characters.slice(start, end).join(""), h("sub", {}, label.name ?? "")));
    place = end;
  }
  return [...parts, characters.slice(place).join("")];
}

function picture(sample, labels, source, alt) {
  return h("div.picture", {},
    thumbnail(source, alt), overlay(sample, labels));
}

/** What stands in a grid. */
export function preview(sample, type, labels) {
  switch (typeOf(type).unit) {
    case "picture":
      return picture(sample, labels, sample.preview ?? sample.source, sample.sample_name ?? "");
    case "text":
      return h("p.text", {}, marked(sample, labels));
    case "row":
      return h("p.text.cells", {}, (sample.sample_data ?? []).map((cell) => h("span", {}, cell)));
    case "sound":
      return h("audio", { controls: true, preload: "none", src: sample.source });
    case "video":
      return sample.sample_type === 0
        ? picture(sample, labels, sample.preview ?? sample.source, sample.sample_name ?? "")
        : h("video", { controls: true, preload: "none", src: sample.source });
    default:
      return h("p.text", {}, sample.sample_name ?? "");
  }
}

/** What stands alone; a picture is put together elsewhere, since it can be drawn upon. */
export function whole(sample, type, labels) {
  switch (typeOf(type).unit) {
    case "sound":
      return h("audio", { controls: true, src: sample.source });
    case "video":
      return h("video", { controls: true, src: sample.source });
    case "file":
      return h("p", {}, h("a", { href: sample.source, rel: "noreferrer", download: sample.sample_name ?? "" }, sample.sample_name));
    default:
      return preview(sample, type, labels);
  }
}

/** The names of a sample's labels, each in its colour. */
export function chips(sample, labels) {
  const names = [...new Map((sample.labels ?? []).map((label) => [label.name, label])).values()];
  return h("ul.chips", {}, names.map((label) =>
    h("li.chip", { style: { "--colour": colourOf(label, labels) } }, label.name ?? label.property?.["@modelarts:content"] ?? "—")));
}
