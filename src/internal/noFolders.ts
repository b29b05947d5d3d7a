/** In place of what needs the file system, on platforms that do not have one: the layers over a folder say where they run. */
throw new Error(
  "folders need Node.js, Bun or Deno. In browsers and workers use CacheLayer.memory, or CacheLayer.layer over a store of " +
    "that platform"
)
