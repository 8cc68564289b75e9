import assert from "node:assert/strict";
import { test } from "node:test";

import { Walk } from "../../../emulator/modelarts_emulator/control/pages/assets/console/model/walk.js";

/** A list of samples on a server, of which some leave as they are labelled. */
function server(count, size) {
  let ids = Array.from({ length: count }, (_, number) => `s${number}`);
  return {
    fetchPage: async (number) => ({ samples: ids.slice(number * size, (number + 1) * size).map((id) => ({ sample_id: id })), total: ids.length }),
    label: (id) => { ids = ids.filter((each) => each !== id); },
    add: (id) => { ids = [id, ...ids]; },
  };
}

async function walkOver(list, walk, changes) {
  const seen = [walk.current.sample_id];
  for (;;) {
    if (changes) {
      list.label(walk.current.sample_id);
      walk.touch(walk.current.sample_id);
    }
    if (!(await walk.move(1))) return seen;
    seen.push(walk.current.sample_id);
  }
}

for (const changes of [false, true]) {
  for (const start of [0, 3, 12]) {
    test(`from ${start} on, every sample is shown once ${changes ? "though each leaves the list" : ""}`, async () => {
      const list = server(25, 5);
      const walk = new Walk(list.fetchPage, 5);
      await walk.begin(start);
      const seen = await walkOver(list, walk, changes);
      assert.deepEqual(seen, Array.from({ length: 25 - start }, (_, number) => `s${start + number}`));
    });
  }
}

test("the samples before are reached backwards, over the edge of a page", async () => {
  const list = server(12, 5);
  const walk = new Walk(list.fetchPage, 5);
  await walk.begin(11);
  const seen = [];
  while (await walk.move(-1)) seen.push(walk.current.sample_id);
  assert.deepEqual(seen, Array.from({ length: 11 }, (_, number) => `s${10 - number}`));
  assert.equal(walk.place, 0);
});

test("a sample that comes in at the front is not shown in place of the next", async () => {
  const list = server(12, 5);
  const walk = new Walk(list.fetchPage, 5);
  await walk.begin(4);
  list.add("new");
  await walk.move(1);
  assert.equal(walk.current.sample_id, "s5");
});

test("the next that fits is found pages away", async () => {
  const list = server(40, 5);
  const walk = new Walk(list.fetchPage, 5);
  await walk.begin(0);
  assert.equal(await walk.moveTo((sample) => sample.sample_id === "s33"), true);
  assert.equal(walk.current.sample_id, "s33");
  assert.equal(await walk.moveTo((sample) => sample.sample_id === "s1"), false);
  assert.equal(walk.current.sample_id, "s33");
});
