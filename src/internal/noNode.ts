/** In place of what needs Node, on platforms that are none: the layers that import it say where they run. */
throw new Error(
  "this needs Node.js, Bun or Deno. In browsers and workers use CacheLayer.memory, or CacheLayer.layer over a store of " +
    "that platform"
)
