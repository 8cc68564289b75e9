// Short messages. They appear in the dialog that is open on top, since all that is behind a modal dialog is inert.

import { h } from "./dom.js";

const MOST = 4;

/** @returns {HTMLElement} */
function host() {
  const open = [...document.querySelectorAll("dialog[open]")].at(-1);
  return open?.querySelector(".notes") ?? /** @type {HTMLElement} */ (document.getElementById("notes"));
}

/** Remove all messages of the page, as when another one is shown. */
export const clearNotes = () => document.getElementById("notes")?.replaceChildren();

/** A live region for the messages of a dialog. */
export const notesRegion = () => h("div.notes", { role: "status", "aria-live": "polite" });

/**
 * Show a message; an error stays until it is closed.
 * @param {string} text
 * @param {boolean} [isError]
 */
export function note(text, isError = false) {
  const line = h(isError ? "p.note.bad" : "p.note", { role: isError ? "alert" : null }, h("span", {}, text));
  if (isError) line.append(h("button.quiet", { type: "button", "aria-label": "Dismiss", onclick: () => line.remove() }, "✕"));
  const notes = host();
  notes.append(line);
  while (notes.childElementCount > MOST) notes.firstElementChild?.remove();
  if (!isError) setTimeout(() => line.remove(), 5000);
}

/**
 * Run an action that asks the server; its error becomes a message, and the result is undefined then.
 * @template T
 * @param {() => Promise<T> | T} action
 * @returns {Promise<T | undefined>}
 */
export async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    note(/** @type {Error} */ (error).message, true);
    return undefined;
  }
}

/** @param {string} text @param {string} done */
export async function copyText(text, done) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = h("textarea.hidden", { value: text, "aria-hidden": "true" });
    host().append(area); // where the clipboard is closed to scripts, as over plain HTTP on another machine
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  note(done);
}
