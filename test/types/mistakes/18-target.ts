/** Targets that are none. */
import { Cached } from "effect-cached"
import { ada, User } from "./given.ts"

Cached.invalidate(User)
Cached.invalidate({ where: [User, { id: 1 }] })
Cached.getMany(ada)
