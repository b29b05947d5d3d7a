import { Cached } from "effect-cached"
import { load, User } from "./given.ts"

Cached.fn(User, { lookup: () => load })
