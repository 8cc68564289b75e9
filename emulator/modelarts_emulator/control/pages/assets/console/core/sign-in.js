// The dialog that asks for a login, where the emulator runs with strict access.

import { dialog } from "./dialog.js";
import { field, h } from "./dom.js";
import { mark, session, SERVER } from "./http.js";

/** @type {Promise<boolean> | null} */
let asking = null;

/**
 * Ask for a login; one dialog, however many requests were refused. Resolves to whether there is one now.
 * @param {boolean} isControl Whether the control API has refused
 */
export function signIn(isControl) {
  asking ??= new Promise((resolve) => {
    let done = false;
    const user = h("input", { autocomplete: "username" });
    const password = h("input", { type: "password", autocomplete: "current-password" });
    const key = h("input", { type: "password", autocomplete: "off" });
    const said = h("p.bad", { role: "alert" });
    /** @param {Event} event @param {() => void} close */
    const submit = async (event, close) => {
      event.preventDefault();
      if (key.value) session.key = key.value;
      if (user.value && !(await logIn(user.value, password.value))) {
        said.textContent = "The name or the password is wrong.";
        return;
      }
      done = true;
      close();
    };
    const box = dialog("Sign in", (close) => h("form", { onsubmit: (/** @type {Event} */ event) => submit(event, close) },
      h("p", {}, "This emulator runs with strict access: it needs a user, and a key for its control API."),
      field("Name", user), field("Password", password),
      field("Control key", key, "X-Emulator-Key; in the data directory as control-key"),
      said, h("div.buttons", {}, h("button.main", {}, "Sign in"))));
    (isControl && session.token ? key : user).focus();
    box.addEventListener("close", () => { asking = null; resolve(done); });
  });
  return asking;
}

/**
 * Log in to the project or, before one is chosen, to the user's first.
 * @param {string} name
 * @param {string} password
 * @param {string} [project]
 * @returns {Promise<boolean>}
 */
async function logIn(name, password, project = session.project) {
  const user = { name, password, domain: { name: "local" } };
  const scope = project ? { project: { id: project } } : undefined;
  const answer = await fetch(new URL("v3/auth/tokens", SERVER), {
    method: "POST",
    headers: { ...mark(), "Content-Type": "application/json" },
    body: JSON.stringify({ auth: { identity: { methods: ["password"], password: { user } }, scope } }),
  });
  if (!answer.ok) return false;
  const token = answer.headers.get("X-Subject-Token") ?? "";
  if (!project) {
    const known = await fetch(new URL("v3/auth/projects", SERVER), { headers: { ...mark(), "X-Auth-Token": token } });
    const first = known.ok ? (await known.json()).projects[0] : null;
    if (first && (await logIn(name, password, first.id))) {
      session.project = first.id;
      return true;
    }
  }
  session.token = token;
  return true;
}
