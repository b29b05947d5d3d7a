/** Replaces every module that needs Node.js on platforms without it. Importing such a module fails with this error. */
throw new Error(
  "this needs Node.js, Bun or Deno. In browsers and workers use CacheLayer.memory, or CacheLayer.layer() over a store of " +
    "that platform"
)
