// The dataset types: what their samples are, and which tool labels them.

/**
 * @typedef {object} Type
 * @property {string} name
 * @property {"picture" | "text" | "row" | "sound" | "video" | "file"} unit
 * @property {"classes" | "shapes" | "entities" | "transcript" | "segments" | "frames" | null} tool
 * @property {string[]} [shapes] The kinds of its shapes; all without
 * @property {number} [label] The type of its labels
 * @property {number} [relation] The type of its relations
 */

/** @type {Map<number, Type>} */
export const TYPES = new Map([
  [0, { name: "Image classification", unit: "picture", tool: "classes", label: 0 }],
  [1, { name: "Object detection", unit: "picture", tool: "shapes", label: 1 }],
  [3, { name: "Image segmentation", unit: "picture", tool: "shapes", shapes: ["polygon"], label: 3 }],
  [100, { name: "Text classification", unit: "text", tool: "classes", label: 100 }],
  [101, { name: "Named entities", unit: "text", tool: "entities", label: 101 }],
  [102, { name: "Text triplets", unit: "text", tool: "entities", label: 103, relation: 102 }],
  [200, { name: "Sound classification", unit: "sound", tool: "classes", label: 200 }],
  [201, { name: "Speech content", unit: "sound", tool: "transcript", label: 201 }],
  [202, { name: "Speech paragraphs", unit: "sound", tool: "segments", label: 202 }],
  [400, { name: "Table", unit: "row", tool: null }],
  [600, { name: "Video", unit: "video", tool: "frames", label: 600 }],
  [900, { name: "Free format", unit: "file", tool: null }],
]);

/** @param {number} number @returns {Type} */
export const typeOf = (number) => TYPES.get(number) ?? { name: `Type ${number}`, unit: "file", tool: null };

export const STATUS = ["creating", "ready", "deleting", "deleted", "abnormal", "synchronizing", "publishing", "switching", "importing"];

/** The endings of the files that each unit can be uploaded from; none where any will do. */
export const ENDINGS = {
  picture: [".jpg", ".jpeg", ".png", ".bmp"], text: [".txt", ".csv"], row: [".csv"], sound: [".wav"], video: [".mp4"], file: [],
};
