// The call behind a control, to be copied into a shell or a test.

import { button, h, select } from "./dom.js";
import { copyText } from "./notes.js";
import { toCurl, toPython } from "../model/calls.js";

/** @typedef {{method: string, url: string | URL, body?: any}} Call */

let form = "curl";

/**
 * Make a line that shows a call as it would be sent now.
 * @param {() => Call} call
 */
export function callLine(call) {
  const code = h("code.call-text", {});
  const kind = select({ "aria-label": "Write the call for", class: "small", onchange: () => { form = kind.value; update(); } }, ["curl", "Python"], form);
  const element = h("div.call", {}, h("pre", { tabindex: "0", "aria-label": "The call" }, code), h("span.call-tools", {}, kind,
    button("Copy", () => copyText(code.textContent ?? "", "The call is copied."), { class: "quiet", "aria-label": "Copy the call" })));
  function update() {
    const { method, url, body } = call();
    code.textContent = kind.value === "curl" ? toCurl(method, url, body) : toPython(method, url, body);
  }
  update();
  return { element, update };
}
