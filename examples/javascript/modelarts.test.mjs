// Node's own test runner and fetch; no package is needed: node --test
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";

const COMMAND = process.env.MODELARTS_EMULATOR_COMMAND ?? "modelarts-emulator";
let url = process.env.MODELARTS_EMULATOR_URL;
let stop = () => {};
let project;
let bucket;

before(() => {
  if (url) return;
  // Start in the background: the command returns when the emulator is ready.
  const folder = mkdtempSync(join(tmpdir(), "modelarts-"));
  const ready = join(folder, "ready");
  const options = ["start", "--detach", "--memory", "--port", "0", "--ready-file", ready, "--json"];
  options.push("--log-file", join(folder, "log"));
  url = JSON.parse(execFileSync(COMMAND, options, { encoding: "utf8" })).url;
  stop = () => {
    execFileSync(COMMAND, ["stop", "--ready-file", ready]);
    rmSync(folder, { recursive: true });
  };
});

after(() => stop());

beforeEach(async () => {
  // A project and a bucket for each test: tests do not disturb one another.
  project = `project-${randomUUID()}`;
  bucket = `bucket-${randomUUID()}`;
  assert.equal((await fetch(`${url}/${bucket}`, { method: "PUT", headers: { Authorization: "any" } })).status, 200);
});

async function call(method, path, body) {
  const options = { method, headers: { "Content-Type": "application/json" } };
  if (body !== undefined) options.body = JSON.stringify(body);
  const answer = await fetch(`${url}${path}`, options);
  const text = await answer.text();
  return { status: answer.status, body: text ? JSON.parse(text) : undefined };
}

async function createDataset() {
  for (const key of ["in/one.txt", "in/two.txt"]) {
    const file = { method: "PUT", headers: { Authorization: "any" }, body: `a line of ${key}\n` };
    assert.equal((await fetch(`${url}/${bucket}/${key}`, file)).status, 200);
  }
  const created = await call("POST", `/v2/${project}/datasets`, {
    dataset_name: "texts",
    dataset_type: 100,
    data_sources: [{ data_type: 0, data_path: `/${bucket}/in/` }],
    work_path: `/${bucket}/out/`,
    work_path_type: 0,
  });
  assert.equal(created.status, 201, JSON.stringify(created.body));
  await call("POST", `/_emulator/wait-idle?project_id=${project}`);
  return `/v2/${project}/datasets/${created.body.dataset_id}`;
}

test("labels a sample", async () => {
  const samples = `${await createDataset()}/data-annotations/samples`;
  const { body } = await call("GET", samples);
  assert.equal(body.sample_count, 2);
  const labelled = [{ sample_id: body.samples[0].sample_id, labels: [{ name: "greeting", type: 100 }] }];
  assert.equal((await call("PUT", samples, { samples: labelled })).body.success, true);
  assert.equal((await call("GET", `${samples}?label_name=greeting`)).body.sample_count, 1);
});

test("sees a fault once, and the request log", async () => {
  const dataset = await createDataset();
  const fault = { operation: "DescDataset", project_id: project, status: 503, times: 1 };
  assert.equal((await call("POST", "/_emulator/faults", fault)).status, 201);
  assert.equal((await call("GET", dataset)).status, 503);
  assert.equal((await call("GET", dataset)).status, 200);
  const log = await call("GET", `/_emulator/requests?project_id=${project}&operation=DescDataset`);
  assert.deepEqual(log.body.requests.map((each) => each.status), [503, 200]);
});
