// A sample at work: walked to, labelled by keyboard and pointer, saved behind the scenes.
//
// The sample on the screen is the one that `walk` is at. A key that moves to a sample which is not loaded yet holds back
// the keys after it until that sample is shown: each key works on the sample that the screen names.

import { dialog } from "../core/dialog.js";
import { button, debounced, h, isTyping, show } from "../core/dom.js";
import { api, session } from "../core/http.js";
import { attempt, note } from "../core/notes.js";
import { FROM } from "../core/wire.js";
import { stamp } from "../model/saver.js";
import { isHard, relabelled, toggled, withHard } from "../model/labelling.js";
import { connects, without } from "../model/spans.js";
import { typeOf } from "../model/types.js";
import { givenList } from "./given.js";
import { commandOf, keyName, shortcutSheet } from "./keys.js";
import { labelPanel } from "./label-panel.js";
import { stageOf } from "./stages.js";

/** @typedef {import("../core/wire.js").Label} Label */
/** @typedef {import("../core/wire.js").SampleLabel} SampleLabel */
/** @typedef {import("../core/wire.js").Context} Context */
/** @typedef {import("../model/walk.js").Walk} Walk */
/** @typedef {import("./workspace.js").Workspace} Workspace */
/** @typedef {import("./keys.js").Command} Command */

const AHEAD = 4; // pictures that are loaded before they are needed
const MODIFIERS = new Set(["Shift", "Control", "Alt", "Meta"]);

export class Editor {
  /**
   * @param {Context} context
   * @param {Workspace} workspace
   * @param {Walk} walk At the sample to begin with
   */
  constructor(context, workspace, walk) {
    this.context = context;
    this.workspace = workspace;
    this.walk = walk;
    this.kind = typeOf(context.dataset.dataset_type);
    /** @type {Label | null} */
    this.active = this.shownLabels[0] ?? null;
    /** Places of labels of the sample. @type {Set<number>} */
    this.chosen = new Set();
    this.movesOn = session.movesOn;
    /** Looks for what others have changed, once the sample has been shown for a moment. */
    this.refresh = debounced(() => this.refreshed(), 200);
    /** Keys that wait for a sample to be loaded. @type {KeyboardEvent[] | null} */
    this.held = null;
    /** What waits for a label to be chosen. @type {((label: Label) => void) | null} */
    this.wantsLabel = null;
    this.isOpen = false;
    this.stage = stageOf(this);
    this.build();
    this.ending = workspace.onChange((ids) => this.changed(ids));
    this.open();
  }

  // What is shown

  get sample() {
    return this.walk.current;
  }

  get state() {
    return this.sample ? this.workspace.view(this.sample) : { labels: [], metadata: {} };
  }

  /** The labels of the sample. @returns {SampleLabel[]} */
  get given() {
    return this.state.labels;
  }

  get labels() {
    return this.workspace.labels;
  }

  /** The labels that are offered, relations last. */
  get shownLabels() {
    return this.labels;
  }

  build() {
    const { tool } = this.kind;
    this.status = h("span.save-state", { role: "status" });
    this.where = h("span.faint.where");
    this.flags = h("span.flags", {});
    this.loading = h("progress.thin", { "aria-label": "loading", hidden: true });
    this.undoButton = button("↶", () => this.undo(), { class: "tool", "aria-label": "Undo", title: "Undo (Ctrl+Z)" });
    this.redoButton = button("↷", () => this.redo(), { class: "tool", "aria-label": "Redo", title: "Redo (Ctrl+Shift+Z)" });
    this.hardButton = button("★ hard", () => this.toggleHard(), { class: "tool", title: "A hard example (h)" });
    this.acceptButton = button("✓ accept", () => this.confirm(true), { class: "tool good", title: "Accept the proposed labels (y)", hidden: true });
    this.refuseButton = button("✗ refuse", () => this.confirm(false), { class: "tool bad", title: "Refuse the proposed labels (x)", hidden: true });
    this.previousButton = button("‹ previous", () => this.go(-1), { title: "←" });
    this.nextButton = button("next ›", () => this.go(1), { title: "→" });
    this.unlabelledButton = button("next unlabelled »", () => this.goToUnlabelled(), { title: "n" });
    this.panel = labelPanel({
      title: tool === "shapes" ? "Draw with" : tool === "segments" ? "Segments" : "Labels", hint: HINTS[tool ?? ""] ?? "",
      labels: () => this.shownLabels, keyOf: (label) => this.workspace.shortcuts.keyOf(label), isOn: (label) => this.isOn(label),
      use: (label) => this.use(label), add: (name) => this.use(this.workspace.labelNamed(name, this.kind.label)), leave: () => this.focus(),
    });
    this.givens = givenList(this);
    this.json = h("pre", { tabindex: "0" });
    this.details = h("details", { ontoggle: () => this.update() }, h("summary", {}, "JSON"), this.json);
    const takesLabels = tool !== null && tool !== "transcript";
    const onward = h("label.check", {}, h("input", { type: "checkbox", checked: this.movesOn, onchange: (/** @type {any} */ event) => { this.movesOn = session.movesOn = event.target.checked; this.focus(); } }), h("span", {}, "go on after a label"));
    this.side = h("div.side", {}, takesLabels ? this.panel.element : null, tool === "classes" ? onward : null, this.givens.element, this.details,
      h("div.buttons.walk", {}, this.previousButton, this.nextButton, tool ? this.unlabelledButton : null));
    this.body = h("div.sample", {}, h("div.stage", {}, this.stage.toolbar, this.stage.element), this.side);
    this.bar = h("div.editor-bar", {}, this.where, this.status, this.flags, h("span.spring", {}), this.acceptButton, this.refuseButton,
      tool ? [this.undoButton, this.redoButton, this.hardButton] : null, button("?", () => this.help(), { class: "tool", "aria-label": "Keys", title: "Keys (?)" }));
    this.reloadLabels = debounced(() => { if (this.isOpen && this.workspace.drafts.size) this.context.reload(); }, 600);
  }

  open() {
    this.isOpen = true;
    this.element = dialog("Sample", () => [this.bar, this.loading, this.body], "editor");
    this.heading = /** @type {HTMLElement} */ (this.element.querySelector("h2"));
    // The editor hears keys wherever the focus is, so that a click on a button loses none.
    const heard = new AbortController();
    document.addEventListener("keydown", (event) => this.keydown(event), { signal: heard.signal });
    this.element.addEventListener("cancel", (event) => event.preventDefault());
    this.element.addEventListener("close", () => {
      heard.abort();
      this.refresh.cancel();
      this.stage.settle?.();
      this.isOpen = false;
      this.ending();
      this.stage.leave?.();
    });
    this.show();
    this.focus();
  }

  focus() {
    this.stage.element.focus({ preventScroll: true });
  }

  // Showing

  show() {
    this.chosen.clear();
    this.wantsLabel = null;
    this.stage.show();
    this.update();
    this.walk.prefetch();
    this.refresh();
    for (let by = 1; by <= AHEAD; by += 1) this.preload(this.walk.peek(by)?.source);
  }

  /** Read the sample again: it may have been changed by another client since its page was listed. */
  async refreshed() {
    const { sample } = this;
    const { saver } = this.workspace;
    if (!this.isOpen || !sample || saver.status(sample.sample_id) === "pending") return;
    const asked = performance.now();
    const fresh = await api("GET", `/${this.context.id}/data-annotations/samples/${sample.sample_id}`).catch(() => null);
    // What is changed here meanwhile is newer than the answer.
    if (!fresh || saver.status(sample.sample_id) !== "saved" || (saver.items.get(sample.sample_id)?.savedAt ?? 0) > asked) return;
    const isSame = JSON.stringify(fresh.labels ?? []) === JSON.stringify(this.given) && fresh.sample_status === sample.sample_status;
    Object.assign(sample, { labels: fresh.labels, metadata: fresh.metadata, sample_status: fresh.sample_status });
    stamp([sample], asked);
    if (!isSame && sample === this.sample && this.isOpen) this.update();
  }

  /** @param {string | undefined} source */
  preload(source) {
    if (source && this.kind.unit === "picture") new Image().src = source;
  }

  /** Show the labels as they are now. */
  update() {
    const { sample, walk } = this;
    const place = `${walk.place + 1} of ${Math.max(walk.total, walk.place + 1)}`;
    if (this.heading) this.heading.textContent = sample ? `${sample.sample_name || sample.sample_id} (${place})` : "No sample";
    if (this.where) this.where.textContent = sample?.sample_id ?? "";
    for (const number of this.chosen) if (number >= this.given.length) this.chosen.delete(number);
    this.stage.update();
    this.panel?.update();
    this.givens?.update();
    this.updateStatus();
    if (this.details?.open && this.json) this.json.textContent = JSON.stringify({ ...sample, labels: this.given, metadata: this.state.metadata }, null, 2);
    if (this.previousButton) this.previousButton.disabled = walk.place === 0;
    if (this.nextButton) this.nextButton.disabled = walk.atEnd && !walk.peek(1);
  }

  updateStatus() {
    const { saver, history } = this.workspace;
    const { pending, failures } = saver;
    const own = this.sample ? saver.errorOf(this.sample.sample_id) : "";
    if (this.status) {
      show(this.status, own ? [h("span.tag.bad", {}, "not saved"), h("span.bad", {}, own), this.repair(this.sample?.sample_id ?? "")]
        : pending ? h("span.tag.busy", {}, `${pending} being saved`) : h("span.tag.good", {}, "saved"),
      !own && failures.length ? [h("span.tag.bad", {}, `${failures.length} not saved`), button("show", () => this.goTo(failures[0]), { class: "quiet" })] : null);
    }
    const { undoButton, redoButton, hardButton } = this;
    if (undoButton) {
      undoButton.disabled = !history.done.length;
      undoButton.title = `Undo ${history.done.at(-1)?.title ?? ""} (Ctrl+Z)`;
    }
    if (redoButton) {
      redoButton.disabled = !history.undone.length;
      redoButton.title = `Redo ${history.undone.at(-1)?.title ?? ""} (Ctrl+Shift+Z)`;
    }
    hardButton?.setAttribute("aria-pressed", String(isHard(this.state.metadata)));
    const isProposed = this.isProposed;
    if (this.acceptButton && this.refuseButton) this.acceptButton.hidden = this.refuseButton.hidden = !isProposed;
    if (this.flags) show(this.flags, isProposed ? h("span.tag.busy", {}, "to be confirmed") : null, isHard(this.state.metadata) ? h("span.tag", {}, "★ hard") : null);
  }

  /** @param {string} id */
  repair(id) {
    return [button("Retry", () => this.workspace.saver.retry(id), { class: "quiet" }), button("Dismiss", () => this.workspace.saver.dismiss(id), { class: "quiet" })];
  }

  get isProposed() {
    return Boolean(this.sample) && this.sample?.sample_status === "AUTO_ANNOTATION" && !this.workspace.saver.items.has(this.sample.sample_id);
  }

  /** @param {string[]} ids */
  changed(ids) {
    for (const id of ids) this.walk.touch(id);
    if (this.sample && ids.includes(this.sample.sample_id)) this.update();
    else this.updateStatus();
    if (this.workspace.saver.pending === 0) this.reloadLabels?.();
  }

  // Moving

  /** @param {1 | -1} by */
  go(by) {
    this.stage.settle?.();
    if (this.walk.peek(by)) {
      this.walk.move(by); // it is there already, so the move is done at once
      this.show();
    } else {
      this.travel(() => this.walk.move(by), by > 0 ? "This is the last sample." : "This is the first sample.");
    }
  }

  goToUnlabelled() {
    this.stage.settle?.();
    this.travel(() => this.walk.moveTo((sample) => !this.workspace.view(sample).labels.length), "There is no unlabelled sample among the next.");
  }

  /** Go to a sample that has to be loaded; keys wait for it. @param {() => Promise<boolean>} move @param {string} none */
  async travel(move, none) {
    if (this.held) return;
    this.held = [];
    if (this.loading) this.loading.hidden = false;
    this.element?.setAttribute("aria-busy", "true");
    const isThere = await attempt(move);
    if (this.loading) this.loading.hidden = true;
    this.element?.removeAttribute("aria-busy");
    const held = this.held;
    this.held = null;
    if (!this.isOpen) return;
    if (isThere) this.show();
    else if (isThere === false) note(none);
    if (isThere) for (const event of held ?? []) this.keydown(event);
    else if (held?.length) note(`${held.length} keys were left out: there is no further sample.`, true);
  }

  /** @param {string} id */
  goTo(id) {
    if (id === this.sample?.sample_id) return true;
    if (!this.walk.jump(id)) return false;
    this.show();
    return true;
  }

  // Changing

  /** @param {string} title @param {SampleLabel[]} labels */
  edit(title, labels) {
    const { sample, state } = this;
    if (sample) this.workspace.edit(title, [{ sample, to: { ...state, labels } }]);
  }

  /** @param {Iterable<number>} places */
  choose(places) {
    this.chosen = new Set(places);
    this.stage.chose?.();
    this.update();
  }

  /** @param {Iterable<number>} places */
  remove(places) {
    let after = this.given;
    for (const place of [...places].sort((one, other) => other - one)) {
      const label = after[place];
      if (label) after = without(after, after.indexOf(label));
    }
    this.chosen.clear();
    this.edit("Delete a label", after);
  }

  /** @param {Label} label */
  isOn(label) {
    const { tool } = this.kind;
    if (tool === "classes") return this.given.some((each) => each.name === label.name);
    const chosen = [...this.chosen].map((place) => this.given[place]?.name);
    return chosen.length ? chosen.includes(label.name) : tool !== "entities" && this.active?.name === label.name;
  }

  /** Give a label, by key or by click. @param {Label} label */
  use(label) {
    const { tool } = this.kind;
    if (this.wantsLabel) {
      const take = this.wantsLabel;
      this.wantsLabel = null;
      this.active = label;
      take(label);
    } else if (tool === "classes") {
      this.edit(`${this.isOn(label) ? "Take off" : "Label"} ${label.name}`, toggled(this.given, { name: label.name, type: label.type ?? this.kind.label }));
      if (this.movesOn && this.isOn(label)) this.go(1);
    } else if (!this.stage.use?.(label)) {
      this.relabel(label);
    }
    if (this.isOpen) this.update();
  }

  /** @param {Label} label */
  relabel(label) {
    if (this.kind.tool === "shapes" || this.kind.tool === "segments") this.active = label;
    const places = [...this.chosen].filter((place) => (label.type === this.kind.relation) === Boolean(this.given[place]?.property?.[FROM]));
    if (places.length && places.some((place) => this.given[place]?.name !== label.name)) this.edit(`Relabel as ${label.name}`, relabelled(this.given, places, label));
    else if (!places.length && this.kind.tool === "entities") note("Select a part of the text first.", true);
  }

  /** Call back with the label that is drawn with; where there is none, once one is chosen. @param {(label: Label) => void} take @param {() => void} wait */
  withLabel(take, wait) {
    if (this.active) {
      take(this.active);
      return;
    }
    wait();
    this.wantsLabel = take;
    note("Name a label for it.");
    this.panel?.focus();
  }

  /**
   * Call back with the label of a new relation between two entities.
   * @param {SampleLabel} from
   * @param {SampleLabel} to
   * @param {(label: Label) => void} take
   */
  withRelation(from, to, take) {
    const relations = this.labels.filter((label) => label.type === this.kind.relation && connects(label, from.name, to.name));
    if (relations.length === 1) {
      take(relations[0]);
      return;
    }
    dialog("Which relation?", (close) => {
      const name = h("input", { "aria-label": "New relation", placeholder: "a new one" });
      const pick = (/** @type {Label} */ label) => { close(); take(label); this.focus(); };
      return [
        h("div.chips", {}, relations.map((label) => button(label.name, () => pick(label), { class: "chip" }))),
        h("form.row", { onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); if (name.value.trim()) pick({ name: name.value.trim(), type: this.kind.relation }); } }, name, h("button", {}, "Add")),
      ];
    });
  }

  toggleHard() {
    const { sample, state } = this;
    if (sample) this.workspace.edit(isHard(state.metadata) ? "Not hard" : "Hard", [{ sample, to: { ...state, metadata: withHard(state.metadata, !isHard(state.metadata)) } }]);
  }

  /** @param {boolean} isAccepted */
  confirm(isAccepted) {
    if (!this.isProposed) return false;
    this.edit(isAccepted ? "Accept" : "Refuse", isAccepted ? [...this.given] : []);
    return true;
  }

  async undo() {
    const entry = await attempt(() => this.workspace.undo());
    if (entry) this.reveal(entry);
    else note("There is nothing to undo.");
  }

  async redo() {
    const entry = await attempt(() => this.workspace.redo());
    if (entry) this.reveal(entry);
    else note("There is nothing to redo.");
  }

  /** Show a sample that has just been changed. @param {import("../model/history.js").Entry} entry */
  reveal(entry) {
    this.chosen.clear();
    const ids = entry.steps.map(({ id }) => id);
    if (this.sample && ids.includes(this.sample.sample_id)) this.update();
    else if (!ids.some((id) => this.goTo(id))) note(`${entry.title}: ${ids.length} samples`);
  }

  // Keys

  /** @returns {Command[]} */
  get commands() {
    const group = "Samples";
    const edits = "Labels";
    const hasTool = this.kind.tool !== null;
    return [
      { keys: ["ArrowRight", "PageDown"], text: "Next sample", group, run: () => this.go(1) },
      { keys: ["ArrowLeft", "PageUp"], text: "Previous sample", group, run: () => this.go(-1) },
      ...(hasTool ? [
        { keys: ["n", "Ctrl+ArrowRight"], text: "Next unlabelled sample", group, run: () => this.goToUnlabelled() },
        { keys: ["h"], text: "Hard example, or not", group, run: () => this.toggleHard() },
        { keys: ["y"], text: "Accept the proposed labels", group, run: () => this.confirm(true) },
        { keys: ["x"], text: "Refuse the proposed labels", group, run: () => this.confirm(false) },
        { keys: ["/", "Ctrl+f"], text: "Find or add a label", group: edits, run: () => this.panel?.focus() },
        { keys: ["Ctrl+z"], text: "Undo", group: edits, run: () => this.undo() },
        { keys: ["Ctrl+Shift+z", "Ctrl+y"], text: "Redo", group: edits, run: () => this.redo() },
        { keys: ["Delete", "Backspace"], text: "Delete the chosen labels", group: edits, run: () => this.deleteChosen() },
        { keys: ["Ctrl+d"], text: "Duplicate the chosen shapes", group: edits, run: () => this.stage.duplicate?.() ?? false },
        { keys: ["]"], text: "Choose the next label of the sample", group: edits, run: () => this.cycle(1) },
        { keys: ["["], text: "Choose the one before", group: edits, run: () => this.cycle(-1) },
        { keys: ["Ctrl+a"], text: "Choose all labels of the sample", group: edits, run: () => this.choose(this.given.keys()) },
      ] : []),
      ...this.stage.commands,
      { keys: ["?"], text: "This sheet", group, run: () => this.help() },
      { keys: ["Escape"], text: "Leave what was begun, then the choice, then the sample", group, run: () => this.escape() },
    ];
  }

  /** @param {KeyboardEvent} event */
  keydown(event) {
    if (!this.isOpen || MODIFIERS.has(event.key)) return;
    if ([...document.querySelectorAll("dialog[open]")].at(-1) !== this.element) return; // another dialog is on top
    if (isTyping(event.target)) {
      if (event.key === "Escape") { this.focus(); event.preventDefault(); }
      return;
    }
    const name = keyName(event);
    const label = event.ctrlKey || event.metaKey || event.altKey ? undefined : this.labelOf(event.key);
    const command = label ? undefined : commandOf(this.commands, name);
    const isPress = (event.key === "Enter" || event.key === " ") && event.target instanceof Element && event.target.matches("button, summary, a, audio, video, input");
    if (isPress || (!label && !command)) return;
    event.preventDefault();
    if (this.held) {
      this.held.push(event);
      return;
    }
    if (event.repeat && label) return; // a key that is held down does not flicker a label
    if (label) this.use(label);
    else command?.run();
  }

  /** @param {string} key */
  labelOf(key) {
    const { tool } = this.kind;
    if (!tool || tool === "transcript") return undefined;
    this.workspace.labels; // brings the shortcuts up to date
    return this.workspace.shortcuts.labelOf(key);
  }

  escape() {
    if (this.stage.cancel()) return;
    if (this.chosen.size) this.choose([]);
    else this.close();
  }

  close() {
    this.element?.close();
  }

  deleteChosen() {
    if (this.stage.erase?.()) return;
    if (this.chosen.size) this.remove(this.chosen);
  }

  /** @param {1 | -1} by */
  cycle(by) {
    const many = this.given.length;
    if (!many) return;
    const [place] = this.chosen;
    this.choose([place === undefined ? (by > 0 ? 0 : many - 1) : (place + by + many) % many]);
  }

  help() {
    const { shortcuts } = this.workspace;
    const keys = this.kind.tool && this.kind.tool !== "transcript" ? this.labels.flatMap((label) => (shortcuts.keyOf(label) ? [{ key: shortcuts.keyOf(label), name: label.name ?? "" }] : [])) : [];
    shortcutSheet(this.commands, keys);
  }
}

/** @type {Object<string, string>} */
const HINTS = {
  classes: "a key or a click sets it, and takes it off",
  shapes: "a key also relabels the chosen shape; Shift draws inside it",
  entities: "select text, then a key",
  segments: "a name is optional",
  frames: "for the frame that is shown",
};
