import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { toCurl, toJavaScript, toPython } from "../../../emulator/modelarts_emulator/control/pages/assets/console/model/calls.js";
import { colourOf } from "../../../emulator/modelarts_emulator/control/pages/assets/console/model/colours.js";
import { differences } from "../../../emulator/modelarts_emulator/control/pages/assets/console/model/compare.js";
import { isShown } from "../../../emulator/modelarts_emulator/control/pages/assets/console/model/filtering.js";
import { History } from "../../../emulator/modelarts_emulator/control/pages/assets/console/model/history.js";
import { isHard, relabelled, sendable, toggled, withHard } from "../../../emulator/modelarts_emulator/control/pages/assets/console/model/labelling.js";
import { peaks, seconds, written } from "../../../emulator/modelarts_emulator/control/pages/assets/console/model/moments.js";
import { matching, sampleParameters } from "../../../emulator/modelarts_emulator/control/pages/assets/console/model/search.js";
import { Selection } from "../../../emulator/modelarts_emulator/control/pages/assets/console/model/selection.js";
import { Shortcuts } from "../../../emulator/modelarts_emulator/control/pages/assets/console/model/shortcuts.js";
import { addresses, countsText, progressOf } from "../../../emulator/modelarts_emulator/control/pages/assets/console/model/teams.js";
import { pieces, without, words } from "../../../emulator/modelarts_emulator/control/pages/assets/console/model/spans.js";

const label = (name, shortcut) => ({ name, property: shortcut ? { "@modelarts:shortcut": shortcut } : {} });
const entity = (name, start, end, id) => ({ name, id, property: { "@modelarts:start_index": start, "@modelarts:end_index": end } });

describe("shortcuts", () => {
  test("a label's own key wins, and the digits that are left go round", () => {
    const digits = [..."0123456789"].map((name) => label(name, name));
    const shortcuts = new Shortcuts(digits);
    for (const name of "0123456789") assert.equal(shortcuts.labelOf(name).name, name);
    const mixed = new Shortcuts([label("cat"), label("dog", "1"), label("bird")]);
    assert.deepEqual(["1", "2", "3", "4"].map((key) => mixed.labelOf(key)?.name), ["dog", "cat", "bird", undefined]);
    assert.equal(mixed.keyOf(mixed.labelOf("2")), "2");
  });

  test("a letter is found in either case, unless another label has it in this case", () => {
    const shortcuts = new Shortcuts([label("upper", "D"), label("one", "a"), label("two", "A")]);
    assert.equal(shortcuts.labelOf("d").name, "upper");
    assert.deepEqual([shortcuts.labelOf("a").name, shortcuts.labelOf("A").name], ["one", "two"]);
    assert.equal(shortcuts.labelOf("Enter"), undefined);
  });

  test("of two labels with one key the first has it", () => {
    const shortcuts = new Shortcuts([label("first", "x"), label("second", "x")]);
    assert.equal(shortcuts.labelOf("x").name, "first");
    assert.equal(shortcuts.keyOf(shortcuts.labelOf("1")), "1");
  });
});

describe("history", () => {
  test("a hundred steps and more are undone and done again, in their order", () => {
    const history = new History();
    for (let number = 0; number < 150; number += 1) history.push({ title: String(number), steps: [] });
    const undone = Array.from({ length: 150 }, () => history.undo().title);
    assert.deepEqual(undone, Array.from({ length: 150 }, (_, number) => String(149 - number)));
    assert.equal(history.undo(), undefined);
    assert.equal(history.redo().title, "0");
    history.push({ title: "other", steps: [] });
    assert.equal(history.redo(), undefined);
  });
});

describe("labels", () => {
  test("a label is put on and taken off, and the others stay", () => {
    const given = [{ name: "a", score: 0.5 }];
    const both = toggled(given, { name: "b" });
    assert.deepEqual(both.map(({ name }) => name), ["a", "b"]);
    assert.deepEqual(toggled(both, { name: "a" }), [{ name: "b" }]);
    assert.deepEqual(given, [{ name: "a", score: 0.5 }]);
  });

  test("a relabelled shape keeps its points and loses its score", () => {
    assert.deepEqual(relabelled([{ name: "a", score: 0.5, property: { x: 1 } }, { name: "c" }], [0], { name: "b" }), [{ name: "b", property: { x: 1 } }, { name: "c" }]);
  });

  test("the annotator of a label is not sent", () => {
    assert.deepEqual(sendable([{ name: "a", annotated_by: "x", id: "1" }]), [{ name: "a", id: "1" }]);
  });

  test("the hard flag is set and cleared", () => {
    assert.equal(isHard(withHard({}, true)), true);
    assert.equal(isHard(withHard({ "@modelarts:hard": 1.0, "@modelarts:hard_reasons": [1] }, false)), false);
  });

  test("a colour that is not one is not used", () => {
    const hostile = { name: "a", property: { "@modelarts:color": "red;background:url(x)" } };
    assert.match(colourOf(hostile, [hostile]), /^#[0-9a-f]{6}$/);
    assert.equal(colourOf({ name: "a" }, [{ name: "a", property: { "@modelarts:color": "#123456" } }]), "#123456");
  });

  test("a label is found by its beginning before others", () => {
    const labels = ["scatter", "category", "cat", "dog"].map((name) => ({ name }));
    assert.deepEqual(matching(labels, "cat").map(({ name }) => name), ["cat", "category", "scatter"]);
    assert.equal(matching(labels, "").length, 4);
  });

  test("a filter becomes search conditions only where it has any", () => {
    assert.equal(sampleParameters({ state: "NONE" }).search_conditions, undefined);
    assert.deepEqual(JSON.parse(sampleParameters({ name: "a", hard: "1" }).search_conditions), { sample_name: "a", hard: "1" });
  });
});

describe("texts", () => {
  test("entities that overlap are all shown, in characters", () => {
    const found = pieces("😀ab cd", [entity("x", 0, 3), entity("y", 1, 4)]);
    assert.deepEqual(found.map(({ text, places }) => [text, places]), [["😀", [0]], ["ab", [0, 1]], [" ", [1]], ["cd", []]]);
  });

  test("an entity is removed with the relations that need it", () => {
    const given = [entity("x", 0, 1, "1"), entity("y", 2, 3, "2"), { name: "r", property: { "@modelarts:from": "1", "@modelarts:to": "2" } }];
    assert.deepEqual(without(given, 1).map(({ name }) => name), ["x"]);
    assert.deepEqual(without(given, 2).map(({ name }) => name), ["x", "y"]);
  });

  test("words are found in several scripts", () => {
    assert.deepEqual(words("It's 3 naïve, x-y"), [[0, 4], [5, 6], [7, 12], [14, 17]]);
    assert.deepEqual(words("你好 a"), [[0, 1], [1, 2], [3, 4]]);
  });
});

describe("moments", () => {
  test("a moment is written and read as the API has it", () => {
    assert.equal(written(3661.5), "01:01:01.500");
    assert.equal(written(59.9996), "00:01:00.000");
    assert.equal(seconds("01:01:01.500"), 3661.5);
    assert.ok(Number.isNaN(seconds("1:1")));
  });

  test("peaks have the least and the most of each column", () => {
    assert.deepEqual(peaks(new Float32Array([0, 1, -1, 0.5]), 2), [[0, 1], [-1, 0.5]]);
  });
});

describe("selection", () => {
  test("all but a few are selected", () => {
    const selection = new Selection();
    selection.all();
    selection.toggle("a", 0);
    assert.equal(selection.has("a"), false);
    assert.equal(selection.has("b"), true);
    assert.equal(selection.size(10), 9);
  });

  test("a range begins where the last one was toggled", () => {
    const selection = new Selection();
    selection.toggle("s2", 2);
    selection.range(4, (place) => `s${place}`);
    assert.deepEqual([...selection.ids].sort(), ["s2", "s3", "s4"]);
  });
});

describe("comparison", () => {
  test("samples that came, went and changed are found, whatever the order of their labels", () => {
    const before = [{ sample_id: "1", labels: [{ name: "a" }, { name: "b" }] }, { sample_id: "2", labels: [{ name: "a" }] }, { sample_id: "3" }];
    const after = [{ sample_id: "1", labels: [{ name: "b" }, { name: "a" }] }, { sample_id: "2", labels: [{ name: "c" }] }, { sample_id: "4", labels: [{ name: "d" }] }];
    assert.deepEqual(differences(before, after).map(({ sample, kind, gone, come }) => [sample.sample_id, kind, gone, come]), [
      ["2", "changed", ["a"], ["c"]], ["4", "added", [], ["d"]], ["3", "deleted", [], []],
    ]);
  });
});

describe("calls", () => {
  test("a shell and Python get what they can run", () => {
    assert.equal(toCurl("POST", "http://h/x", { a: "it's" }), `curl -sf -X POST http://h/x -H 'Content-Type: application/json' -d '{"a":"it'\\''s"}'`);
    assert.equal(toPython("PUT", "http://h/x", { a: [true, null, 1] }), 'requests.put("http://h/x", json={"a": [True, None, 1]}).raise_for_status()');
  });

  test("a secret is taken from the environment", () => {
    const request = { method: "GET", url: "http://h/", status: 200, request: { headers: { "x-auth-token": "***", host: "h" } } };
    assert.match(toJavaScript(request), /"x-auth-token": process\.env\.TOKEN/);
    assert.doesNotMatch(toJavaScript(request), /host/);
  });
});

describe("requests", () => {
  const request = { number: 1, operation: "ListSamples", method: "GET", url: "http://h/v2/p/x", status: 503, project_id: "p", fault: "fault-1", request: { headers: { "user-agent": "python-requests/2.31 (x)" } } };
  const all = { operation: "", status: "", project: "", client: "", text: "" };
  for (const [filter, isWanted] of [
    [{}, true], [{ operation: "ListSamples" }, true], [{ operation: "ListDatasets" }, false], [{ status: "5xx" }, true], [{ status: "4xx" }, false], [{ status: "error" }, true],
    [{ status: "fault" }, true], [{ project: "q" }, false], [{ client: "python-requests/2.31" }, true], [{ client: "curl/8" }, false], [{ text: "v2 503" }, true], [{ text: "v2 404" }, false],
  ]) {
    test(`a request ${isWanted ? "is" : "is not"} shown for ${JSON.stringify(filter)}`, () => assert.equal(isShown(request, { ...all, ...filter }), isWanted));
  }
});

describe("teams", () => {
  test("addresses are split however they are separated", () => {
    assert.deepEqual(addresses(" a@x.org, b@x.org;c@x.org\nd@x.org "), ["a@x.org", "b@x.org", "c@x.org", "d@x.org"]);
  });
  test("states without samples are not written", () => {
    assert.equal(countsText({ unannotated_sample_count: 2, accepted_sample_count: 0, uncheck_sample_count: 1 }), "2 to label, 1 to accept");
    assert.equal(countsText(undefined), "no samples");
  });
  test("what is to label, to confirm or to label again is not done", () => {
    assert.deepEqual(progressOf({ total_sample_count: 9, unannotated_sample_count: 2, auto_annotation_sample_count: 1, rejected_sample_count: 3 }), { done: 3, total: 9 });
  });
});
