/** No strategy. */
import { Cached } from "effect-cached"
import { ada, load, User } from "./given.ts"

Cached.fn(User, { lookup: () => load })
load.pipe(Cached.withStrategy({ key: ada }))
