/** Functions among the options that take or give something else. */
import { Cached } from "effect-cached"
import { ada, load } from "./given.ts"

load.pipe(Cached.ttl(ada, { ttl: "1 hour", storeIf: (person) => person.name }))
load.pipe(Cached.ttl("ada", { ttl: "1 hour", storeIf: (person) => person.name }))
load.pipe(Cached.ttl(ada, { ttl: "1 hour", storeIf: (name: string) => name !== "" }))
load.pipe(Cached.ttl("ada", { ttl: "1 hour", storeIf: (name: string) => name !== "" }))
load.pipe(Cached.ttl(ada, { ttl: (person) => person.name.length }))
load.pipe(Cached.ttl("ada", { ttl: (person) => person.name.length }))
