// Keys and what they do.

import { dialog } from "../core/dialog.js";
import { h } from "../core/dom.js";

/**
 * @typedef {object} Command
 * @property {string[]} keys As `keyName` writes them
 * @property {string} text What it does
 * @property {string} group
 * @property {() => any} run Gives false where it does nothing, so that the key stays what it is
 */

const SHOWN = new Map([["ArrowLeft", "←"], ["ArrowRight", "→"], ["ArrowUp", "↑"], ["ArrowDown", "↓"], [" ", "Space"]]);

/**
 * Write a key with its modifiers: `Ctrl+z`, `Shift+ArrowLeft`. The Shift that a character needs is part of it.
 * @param {{key: string, ctrlKey?: boolean, metaKey?: boolean, altKey?: boolean, shiftKey?: boolean}} event
 */
export function keyName({ key, ctrlKey, metaKey, altKey, shiftKey }) {
  const isCharacter = [...key].length === 1;
  const isCommand = Boolean(ctrlKey || metaKey);
  const shift = shiftKey && (!isCharacter || isCommand) ? "Shift+" : "";
  return `${isCommand ? "Ctrl+" : ""}${altKey ? "Alt+" : ""}${shift}${isCommand && isCharacter ? key.toLowerCase() : key}`;
}

/** @param {string} key */
export const shownKey = (key) => key.split("+").map((part) => SHOWN.get(part) ?? (part === "" ? "+" : part)).filter((part, number, all) => !(part === "+" && all[number - 1] === "+")).join(" ");

/**
 * Return what a key does, if anything.
 * @param {Command[]} commands
 * @param {string} name
 */
export const commandOf = (commands, name) => commands.find((command) => command.keys.includes(name));

/**
 * Open the sheet of all keys.
 * @param {Command[]} commands
 * @param {Array<{key: string, name: string}>} labels
 */
export function shortcutSheet(commands, labels) {
  const taken = new Map(labels.map(({ key, name }) => [key, name]));
  const groups = [...new Set(commands.map(({ group }) => group))];
  const keyOf = (/** @type {string} */ key) => (taken.has(key) ? h("s", { title: `taken by the label ${taken.get(key)}` }, h("kbd", {}, shownKey(key))) : h("kbd", {}, shownKey(key)));
  return dialog("Keys", () => h("div.sheet", {},
    groups.map((group) => h("section", {}, h("h3", {}, group), h("dl", {},
      commands.filter((command) => command.group === group).map(({ keys, text }) => [h("dt", {}, keys.map(keyOf)), h("dd", {}, text)])))),
    labels.length ? h("section", {}, h("h3", {}, "Labels"), h("dl", {}, labels.map(({ key, name }) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, name)]))) : null), "wide");
}
