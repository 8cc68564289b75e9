// Which stage a type of dataset is worked on.

import { PlainStage, VideoStage } from "./stage-other.js";
import { PictureStage } from "./stage-picture.js";
import { SoundStage } from "./stage-sound.js";
import { TextStage } from "./stage-text.js";
import { toolsFor } from "./tools.js";

/**
 * @typedef {object} Stage
 * @property {HTMLElement} element
 * @property {HTMLElement | null} toolbar
 * @property {import("./keys.js").Command[]} commands
 * @property {() => void} show Shows another sample
 * @property {() => void} update Shows the same sample with other labels
 * @property {() => boolean} cancel Leaves what was begun; gives whether there was anything
 * @property {(label: import("../core/wire.js").Label) => boolean} [use] Gives a label where the stage has a place for it
 * @property {() => void} [chose] Hears that other labels were chosen
 * @property {() => void} [settle] Keeps what is half done, before another sample is shown
 * @property {() => boolean} [erase] Takes back the last point of what is being drawn
 * @property {() => boolean} [duplicate]
 * @property {() => void} [leave]
 */

/** @param {import("./editor.js").Editor} editor @returns {Stage} */
export function stageOf(editor) {
  const { unit, tool } = editor.kind;
  switch (unit) {
    case "picture": return new PictureStage(editor, tool === "shapes" ? toolsFor(editor.kind.shapes) : null);
    case "text": return new TextStage(editor, tool === "entities");
    case "sound": return new SoundStage(editor);
    case "video": return new VideoStage(editor);
    default: return new PlainStage(editor);
  }
}
