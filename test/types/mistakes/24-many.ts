/** Answers of a function of many that are none. */
import { Effect, Exit } from "effect"
import { Cached } from "effect-cached"
import { Person, User } from "./given.ts"

const strategy = { ttl: "1 hour" } as const
const person = new Person({ name: "Ada" })

Cached.many(User, (keys) => Effect.succeed(keys.map(() => person)), strategy)
Cached.many(User, (keys) => Effect.succeed(new Map(keys.map(({ id }) => [id, Exit.succeed(person)]))), strategy)
Cached.many(User, (keys) => Effect.succeed(keys.map(() => Exit.succeed(person))), {})
