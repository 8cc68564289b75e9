// What is to go wrong, how tasks go on, what time it is, and what is kept. Each shows the call that a test would make.

import { h, show } from "../core/dom.js";
import { clockPanel, idsPanel, resetPanel, snapshotsPanel } from "./control-state.js";
import { faultsPanel } from "./control-faults.js";
import { transitionsPanel } from "./control-tasks.js";

/** @typedef {{title: string, body: HTMLElement, load?: () => any, soon?: () => void, leave?: () => void}} Panel */

/** @param {HTMLElement} target */
export function controlPage(target) {
  document.title = "Control – ModelArts emulator";
  /** @type {Panel[]} */
  const panels = [faultsPanel(), transitionsPanel(), clockPanel(), idsPanel(), snapshotsPanel(), resetPanel()];
  show(target, h("h1", {}, "Control"), h("div.panels", {}, panels.map(({ title, body }) => h("section.panel", {}, h("h2", {}, title), body))));
  for (const panel of panels) panel.load?.();
  return {
    onEvent: () => { for (const panel of panels) panel.soon?.(); },
    leave: () => { for (const panel of panels) panel.leave?.(); },
  };
}
