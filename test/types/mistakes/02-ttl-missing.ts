/** `ttl` missing. */
import { Cached } from "effect-cached"
import { ada, load } from "./given.ts"

load.pipe(Cached.ttl({ key: ada }))
load.pipe(Cached.ttl({ key: "ada" }))
Cached.ttl(load, { key: ada })
Cached.ttl(load, { key: "ada" })
