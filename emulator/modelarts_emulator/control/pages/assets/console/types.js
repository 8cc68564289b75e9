// What the dataset types are called, and what their samples are.

export const TYPES = new Map([
  [0, { name: "Image classification", unit: "picture" }],
  [1, { name: "Object detection", unit: "picture", draws: true }],
  [100, { name: "Text classification", unit: "text" }],
  [101, { name: "Named entities", unit: "text", spans: true }],
  [102, { name: "Text triplets", unit: "text", spans: true }],
  [200, { name: "Sound classification", unit: "sound" }],
  [201, { name: "Speech content", unit: "sound", writes: true }],
  [202, { name: "Speech paragraphs", unit: "sound", segments: true }],
  [400, { name: "Table", unit: "row" }],
  [600, { name: "Video", unit: "video" }],
  [900, { name: "Free format", unit: "file" }],
]);

export const typeOf = (number) => TYPES.get(number) ?? { name: `Type ${number}`, unit: "file" };

export const STATUS = ["creating", "ready", "deleting", "deleted", "abnormal", "synchronizing", "publishing", "switching",
  "importing"];

// Told apart by eye in light and dark, for labels that have no colour of their own.
const COLOURS = ["#2f7de1", "#d9534f", "#2a9d5c", "#b0661b", "#8e52c4", "#0f8f9c", "#c2408a", "#6b7d1e", "#4f62d8",
  "#a8483a"];

export function colourOf(label, labels) {
  const own = label.property?.["@modelarts:color"] ?? labels?.find((each) => each.name === label.name)?.property?.["@modelarts:color"];
  if (typeof own === "string" && /^#[0-9a-f]{3,8}$/i.test(own)) return own;
  const place = labels ? labels.findIndex((each) => each.name === label.name) : -1;
  if (place >= 0) return COLOURS[place % COLOURS.length];
  let sum = 0;
  for (const character of label.name ?? "") sum = (sum * 31 + character.codePointAt(0)) >>> 0;
  return COLOURS[sum % COLOURS.length];
}
