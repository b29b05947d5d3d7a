/** Stands in for modules that need Node.js on all other platforms. Importing one there fails with this explanation. */
throw new Error(
  "this needs Node.js, Bun or Deno. In browsers and workers use CacheLayer.memory, or CacheLayer.layer over a store of " +
    "that platform"
)
