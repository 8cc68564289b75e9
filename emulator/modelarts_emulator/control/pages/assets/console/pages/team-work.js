// A team labelling task at work: progress by member, labelling and review of samples, and acceptance.

import { dialog } from "../core/dialog.js";
import { button, check, count, field, h, select, show, table } from "../core/dom.js";
import { api, requireAll } from "../core/http.js";
import { attempt, note } from "../core/notes.js";
import { preview } from "../label/content.js";
import { ACCEPTING, countsText, ENDINGS, RUNNING, SAMPLE_STATES, TASK_STATES } from "../model/teams.js";
import { typeOf } from "../model/types.js";

/** @typedef {import("../core/wire.js").Json} Json */

const PAGE = 20;
const SCORES = ["A", "B", "C", "D"];
const FILTERS = [["", "every state"], ...SAMPLE_STATES.map(([state, , text]) => [state, text]), ["WORKFORCE_SAMPLED", "drawn for the acceptance"]];

/** @param {import("./dataset.js").OpenDataset} context @param {string} taskId @param {() => void} done */
export function workDialog(context, taskId, done) {
  const work = new TeamWork(context, taskId);
  const box = dialog("Team task", () => [work.head, work.members, work.acceptance, work.filters, work.body], "wide");
  box.addEventListener("close", done);
  work.load();
}

class TeamWork {
  /** @param {import("./dataset.js").OpenDataset} context @param {string} taskId */
  constructor(context, taskId) {
    this.context = context;
    this.path = `/${context.id}/workforce-tasks/${taskId}`;
    this.head = h("p", {});
    this.members = h("div.scroll", {});
    this.acceptance = h("div.row", {});
    this.body = h("div.scroll", {});
    this.offset = 0;
    /** @type {Json} */
    this.task = {};
    /** Scores and comments that are not sent yet; they stay when the table is drawn again. @type {Map<string, {score: string, comment: string}>} */
    this.drafts = new Map();
    /** What the row of the acceptance was drawn for. */
    this.shown = "";
    this.state = select({ "aria-label": "State", onchange: () => this.loadSamples(0) }, FILTERS);
    this.member = select({ "aria-label": "Member", onchange: () => this.loadSamples(0) }, [["", "every member"]]);
    this.filters = h("div.row.above", {}, this.state, this.member);
  }

  async load() {
    const [task, metrics] = await Promise.all([attempt(() => api("GET", this.path)), attempt(() => api("GET", `${this.path}/metrics`))]);
    if (!task) return;
    this.task = task;
    const [state, kind] = TASK_STATES[task.status] ?? [String(task.status), ""];
    show(this.head, h("strong", {}, task.task_name), " ", h("span", { class: `tag ${kind}` }, state), ` ${countsText(task.sample_stats)}`);
    this.showMembers(metrics?.sample_stats ?? {});
    this.showAcceptance();
    await this.loadSamples(this.offset);
  }

  /** @param {Object<string, Object<string, number>>} stats */
  showMembers(stats) {
    const rows = Object.entries(stats);
    show(this.members, rows.length ? table(["Labeler", "#To label", "#To confirm", "#To review", "#To accept", "#Rejected", "#Accepted"], rows.map(([email, numbers]) => h("tr", {}, h("th", { scope: "row" }, email),
      ["un_annotation", "auto_annotation", "unreviewed", "uncheck", "rejected", "accepted"].map((member) => h("td.number", {}, count(numbers[member])))))) : null);
    const chosen = this.member.value;
    show(this.member, h("option", { value: "" }, "every member"), rows.map(([email]) => h("option", { value: email, selected: email === chosen }, email)));
  }

  showAcceptance() {
    const { status } = this.task;
    const shown = `${status}/${this.task.sample_stats?.uncheck_sample_count ? "some" : "none"}`;
    if (shown === this.shown) return; // what is chosen there stays
    this.shown = shown;
    if (status === ACCEPTING) {
      const ending = select({}, ENDINGS, 0);
      const overwrite = check("replace labels that the dataset got meanwhile", {});
      const drawn = this.task.checking_task_desc?.checking_stats?.sampled_sample_count;
      show(this.acceptance, h("span", {}, `${count(drawn)} drawn.`), field("End the acceptance", ending), overwrite.element,
        button("End", () => this.change("PUT", "/acceptance/status", { action: Number(ending.value), overwrite_last_result: overwrite.input.checked }, "The acceptance has ended."), { class: "main" }));
    } else if (status === RUNNING || status === 4) {
      const rate = h("input", { type: "number", min: 1, max: 100, value: "100" });
      show(this.acceptance, field("Per cent to draw", rate),
        button("Begin an acceptance", () => this.change("POST", "/acceptance", { sampling_rate: Number(rate.value) / 100 }, "Samples have been drawn."), { class: "main", disabled: !this.task.sample_stats?.uncheck_sample_count }));
    } else show(this.acceptance);
  }

  /** @param {number} offset The number of the page */
  async loadSamples(offset) {
    this.offset = offset;
    const found = await attempt(() => api("GET", `${this.path}/data-annotations/samples`, { parameters: { limit: PAGE, offset, sample_state: this.state.value, email: this.member.value } }));
    if (!found) return;
    const samples = found.samples ?? [];
    if (!samples.length && offset) return void this.loadSamples(offset - 1);
    const pages = Math.ceil(found.sample_count / PAGE);
    const focused = this.body.contains(document.activeElement) ? document.activeElement?.getAttribute("aria-label") : null;
    show(this.body, samples.length ? table([".Sample", "Name", "Labeler", "Labels", "Review", ".Do"], samples.map((/** @type {Json} */ sample) => this.row(sample))) : h("p.faint", {}, "No sample is in this state."),
      pages > 1 ? h("div.row", {}, button("‹ previous", () => this.loadSamples(offset - 1), { disabled: !offset }), h("span", {}, `page ${offset + 1} of ${pages}`), button("next ›", () => this.loadSamples(offset + 1), { disabled: offset + 1 >= pages })) : null);
    const again = focused ? [...this.body.querySelectorAll("[aria-label]")].find((each) => each.getAttribute("aria-label") === focused) : null;
    /** @type {HTMLElement | undefined} */ (again)?.focus();
  }

  /** @param {Json} sample */
  row(sample) {
    const labels = sample.labels ?? [];
    const { workspace, dataset } = this.context;
    const email = sample.labelers?.find((/** @type {Json} */ each) => each.worker_id === sample.worker_id)?.email ?? sample.worker_id ?? "";
    const comment = sample.review_comment ?? sample.check_comment;
    return h("tr", {},
      h("td.team-sample", {}, preview(/** @type {any} */ (sample), dataset.dataset_type, labels, workspace.labels)), h("th", { scope: "row" }, sample.sample_name ?? ""), h("td", {}, email),
      h("td", {}, labels.map((/** @type {Json} */ label) => label.name).join(", ") || h("span.faint", {}, "none")),
      h("td", {}, [sample.review_score, sample.check_score, comment].filter(Boolean).join(" ") || ""),
      h("td.actions", {}, this.labelling(sample), this.judging(sample)));
  }

  /** Give a label as the labeler; only for samples that are classified. @param {Json} sample */
  labelling(sample) {
    const kind = typeOf(this.context.dataset.dataset_type);
    if (kind.tool !== "classes" || this.task.status === ACCEPTING) return null;
    const give = (/** @type {string} */ name) => this.change("PUT", "/data-annotations/samples",
      { samples: [{ sample_id: sample.sample_id, worker_id: sample.worker_id, labels: name ? [{ name, type: kind.label }] : [] }] });
    return select({ "aria-label": `Label of ${sample.sample_name}`, onchange: (/** @type {any} */ event) => give(event.target.value) },
      [["", "no label"], ...this.context.labels.map(({ name }) => [name, name])], sample.labels?.[0]?.name ?? "");
  }

  /** Accept or reject: as a reviewer, or as the owner where an acceptance has drawn samples. @param {Json} sample */
  judging(sample) {
    if (!sample.labels?.length) return null;
    const isAcceptance = this.task.status === ACCEPTING;
    const key = `${sample.sample_id}/${sample.worker_id}`;
    const draft = this.drafts.get(key) ?? { score: "A", comment: "" };
    const keep = () => this.drafts.set(key, { score: score.value, comment: reason.value });
    const score = select({ "aria-label": `Score of ${sample.sample_name}`, class: "small", onchange: keep }, SCORES, draft.score);
    const reason = h("input.short", { "aria-label": `Comment on ${sample.sample_name}`, placeholder: "comment", maxlength: 256, value: draft.comment, oninput: keep });
    const judge = (/** @type {boolean} */ accept) => {
      this.drafts.delete(key);
      const comment = { sample_id: sample.sample_id, worker_id: sample.worker_id, accept, ...(accept ? { score: score.value } : {}), ...(reason.value ? { comment: reason.value } : {}) };
      return this.change("POST", isAcceptance ? "/acceptance/batch-comment" : "/data-annotations/review", { comments: [comment] });
    };
    return [score, reason, button("✓", () => judge(true), { class: "tool good", "aria-label": `Accept ${sample.sample_name}` }), button("✗", () => judge(false), { class: "tool bad", "aria-label": `Reject ${sample.sample_name}` })];
  }

  /** @param {string} method @param {string} path @param {Json} body @param {string} [text] */
  async change(method, path, body, text) {
    const parameters = path === "/acceptance/status" ? { locale: "en-us" } : undefined;
    const done = await attempt(async () => { requireAll(await api(method, this.path + path, { body, parameters })); return true; });
    if (done && text) note(text);
    await this.load();
  }
}
