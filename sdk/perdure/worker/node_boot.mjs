// Loaded into Node.js before AWS's runtime client: a package that a function's own folders lack is
// taken from the folder of the client (NODE_PATH, which Node.js itself heeds for require only).
import { registerHooks } from "node:module";
import { basename, delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";

const folders = (process.env.NODE_PATH ?? "")
  .split(delimiter)
  .filter((folder) => basename(folder) === "node_modules");

registerHooks({
  resolve(specifier, context, next) {
    try {
      return next(specifier, context);
    } catch (error) {
      const isPackage = !/^(?:[./]|[a-z][a-z+.-]*:)/i.test(specifier);
      if (error.code !== "ERR_MODULE_NOT_FOUND" || !isPackage) throw error;
      for (const folder of folders) {
        try {
          return next(specifier, { ...context, parentURL: pathToFileURL(join(folder, "-")).href });
        } catch (another) {
          if (another.code !== "ERR_MODULE_NOT_FOUND") throw another;
        }
      }
      throw error;
    }
  },
});
