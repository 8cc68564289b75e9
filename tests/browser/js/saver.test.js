import assert from "node:assert/strict";
import { test } from "node:test";

import { stamp, Saver } from "../../../emulator/modelarts_emulator/control/pages/assets/console/model/saver.js";

const none = { labels: [], metadata: {} };
const state = (...names) => ({ labels: names.map((name) => ({ name })), metadata: {} });
const names = (found) => found.labels.map((label) => label.name);

/** A server that answers when it is let go. */
function slowServer() {
  const calls = [];
  const put = (changes) => new Promise((resolve, reject) => { calls.push({ changes, resolve, reject }); });
  return { calls, put };
}

const settled = () => new Promise((resolve) => { setImmediate(resolve); });

test("a change is shown at once and is pending until it is saved", async () => {
  const { calls, put } = slowServer();
  const saver = new Saver(put);
  saver.change([{ id: "a", from: none, to: state("cat") }]);
  assert.deepEqual(names(saver.view({ sample_id: "a", labels: [] })), ["cat"]);
  assert.equal(saver.status("a"), "pending");
  calls[0].resolve([null]);
  await saver.whenIdle();
  assert.equal(saver.status("a"), "saved");
});

test("changes of one sample are sent one after another, and only the last of those that wait", async () => {
  const { calls, put } = slowServer();
  const saver = new Saver(put);
  saver.change([{ id: "a", from: none, to: state("one") }]);
  saver.change([{ id: "a", from: none, to: state("two") }]);
  saver.change([{ id: "a", from: none, to: state("three") }]);
  assert.equal(calls.length, 1);
  calls[0].resolve([null]);
  await settled();
  assert.deepEqual(calls[1].changes.map(({ state: sent }) => names(sent)), [["three"]]);
  calls[1].resolve([null]);
  await saver.whenIdle();
  assert.equal(calls.length, 2);
});

test("changes of many samples go in batches while others are on their way", async () => {
  const { calls, put } = slowServer();
  const saver = new Saver(put, { parallel: 1, batch: 10 });
  for (let number = 0; number < 15; number += 1) saver.change([{ id: String(number), from: none, to: state("x") }]);
  assert.equal(saver.pending, 15);
  for (let call = 0; call < 3; call += 1) {
    calls[call].resolve(calls[call].changes.map(() => null));
    await settled();
  }
  assert.deepEqual(calls.map(({ changes }) => changes.length), [1, 10, 4]);
  assert.equal(saver.pending, 0);
});

test("a change that fails is rolled back and can be retried", async () => {
  const { calls, put } = slowServer();
  const saver = new Saver(put);
  saver.change([{ id: "a", from: state("old"), to: state("new") }]);
  calls[0].reject(new Error("gone"));
  await saver.whenIdle();
  assert.equal(saver.status("a"), "failed");
  assert.equal(saver.errorOf("a"), "gone");
  assert.deepEqual(names(saver.view({ sample_id: "a" })), ["old"]);
  saver.retry("a");
  assert.deepEqual(names(saver.view({ sample_id: "a" })), ["new"]);
  calls[1].resolve([null]);
  await saver.whenIdle();
  assert.deepEqual(saver.failures, []);
  assert.deepEqual(names(saver.view({ sample_id: "a" })), ["new"]);
});

test("where a whole batch is refused, each change is judged alone", async () => {
  const sent = [];
  const put = async (changes) => {
    sent.push(changes.length);
    if (changes.some(({ id }) => id === "bad")) throw Object.assign(new Error("refused"), { status: 400 });
    return changes.map(() => null);
  };
  const saver = new Saver(put);
  saver.change(["a", "bad", "b"].map((id) => ({ id, from: none, to: state("x") })));
  await saver.whenIdle();
  assert.deepEqual(saver.failures, ["bad"]);
  assert.equal(saver.status("b"), "saved");
  assert.deepEqual(sent, [3, 1, 1, 1]);
});

test("a later change decides where an earlier one failed", async () => {
  const { calls, put } = slowServer();
  const saver = new Saver(put);
  saver.change([{ id: "a", from: none, to: state("one") }]);
  saver.change([{ id: "a", from: none, to: state("two") }]);
  calls[0].resolve(["refused"]);
  await settled();
  assert.equal(saver.status("a"), "pending");
  calls[1].resolve([null]);
  await saver.whenIdle();
  assert.equal(saver.status("a"), "saved");
  assert.deepEqual(names(saver.view({ sample_id: "a" })), ["two"]);
});

test("a sample that was asked for after the last save is newer than it", async () => {
  let now = 1;
  const saver = new Saver(async (changes) => changes.map(() => null), { now: () => now });
  saver.change([{ id: "a", from: none, to: state("mine") }]);
  now = 5;
  await saver.whenIdle();
  const old = { sample_id: "a", labels: [] };
  stamp([old], 3);
  assert.deepEqual(names(saver.view(old)), ["mine"]);
  const fresh = { sample_id: "a", labels: [{ name: "theirs" }] };
  stamp([fresh], 6);
  assert.deepEqual(names(saver.view(fresh)), ["theirs"]);
});
