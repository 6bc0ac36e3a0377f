// Finds a function's handler by its name, in CommonJS and ES modules, where AWS's runtime looks for it.
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

import * as errors from "./errors.mjs";

const require = createRequire(import.meta.url);
const TYPESCRIPT_SINCE = 24;

/** The function that e.g. "src/app.exports.handler" names. */
export async function loadHandler(taskRoot, name) {
  if (name.includes("..")) {
    throw errors.malformedHandlerName(
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const last = path.basename(name);
  const folder = name.slice(0, name.indexOf(last));
  const dot = last.indexOf(".");
  if (dot < 0) throw errors.malformedHandlerName("Bad handler");
  const loaded = await loadModule(taskRoot, folder, last.slice(0, dot));
  const handler = last
    .slice(dot + 1)
    .split(".")
    .reduce((found, key) => found?.[key], loaded);
  if (!handler) throw errors.handlerNotFound(`${name} is undefined or not exported`);
  if (typeof handler !== "function") throw errors.handlerNotFound(`${name} is not a function`);
  return handler;
}

async function loadModule(taskRoot, folder, module) {
  try {
    return await findModule(taskRoot, folder, module);
  } catch (error) {
    if (error instanceof SyntaxError) throw errors.userCodeSyntaxError(error);
    if (error?.code === "MODULE_NOT_FOUND" || error?.code === "ERR_MODULE_NOT_FOUND") {
      throw errors.importModuleError(error);
    }
    throw error;
  }
}

async function findModule(taskRoot, folder, module) {
  const base = path.resolve(taskRoot, folder, module);
  const required = (file) => require(file);
  const imported = (file) => import(pathToFileURL(file));
  const isModule = isOfTypeModule(path.dirname(base));
  const ways = [
    ["", required],
    [".js", isModule ? imported : required],
    [".mjs", imported],
    [".cjs", required],
  ];
  if (Number(process.versions.node.split(".")[0]) >= TYPESCRIPT_SINCE) {
    ways.push([".ts", isModule ? imported : required], [".mts", imported], [".cts", required]);
  }
  for (const [extension, load] of ways) {
    const file = base + extension;
    if (fs.existsSync(file) && fs.statSync(file).isFile()) return load(file);
  }
  return require(require.resolve(module, { paths: [taskRoot, path.resolve(taskRoot, folder)] }));
}

/** Whether the nearest package.json says so. */
function isOfTypeModule(folder) {
  if (folder.endsWith("/node_modules")) return false;
  const file = path.join(folder, "package.json");
  if (fs.existsSync(file)) {
    try {
      return JSON.parse(fs.readFileSync(file)).type === "module";
    } catch (error) {
      console.warn(`${file} cannot be read, it will be ignored for ES module detection purposes.`, error);
      return false;
    }
  }
  return folder !== "/" && isOfTypeModule(path.dirname(folder));
}
