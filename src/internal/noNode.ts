/** Replaces the modules that need Node.js, if a platform lacks it. Importing one fails with this explanation. */
throw new Error(
  "this needs Node.js, Bun or Deno. In browsers and workers use CacheLayer.memory, or CacheLayer.layer over a store of " +
    "that platform"
)
