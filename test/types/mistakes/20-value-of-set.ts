/** A wrong value, and a misspelt option, of `Cached.set`. */
import { Cached } from "effect-cached"
import { ada } from "./given.ts"

Cached.set(ada, "Ada")
Cached.set(ada, { name: "Ada" }, { tll: "1 hour" })
