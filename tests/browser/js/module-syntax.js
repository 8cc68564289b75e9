// The console's modules are served to browsers as they are: no package.json beside them makes them modules for Node.

import { register } from "node:module";

const hooks = `
export const load = (url, context, next) =>
  next(url, url.endsWith(".js") && !url.includes("/node_modules/") ? { ...context, format: "module" } : context);`;

register(`data:text/javascript,${encodeURIComponent(hooks)}`);
