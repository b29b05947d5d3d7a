/** Users in a database of one file each, and pages that are made of them through the cache. */
import { Effect } from "effect"
import { Cached, Transaction } from "effect-cached"
import { appendFileSync, mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

const users = [1, 2, 3]

const linesOf = (file: string): ReadonlyArray<string> => {
  try {
    return readFileSync(file, "utf8").split("\n").filter((line) => line !== "")
  } catch {
    return []
  }
}

/** The last number in a file; a line whose process was killed is whole all the same: it is one write. */
const lastOf = (file: string): number => Math.max(0, ...linesOf(file).map(Number))

/** The names of users, as growing numbers, and the renames that the cache has acknowledged. */
export const renamesOf = (folder: string) => {
  mkdirSync(folder, { recursive: true })
  const nameOf = (user: number) => join(folder, `name-${user}`)
  const toldOf = (user: number) => join(folder, `told-${user}`)
  return {
    name: (user: number) => lastOf(nameOf(user)),
    next: (user: number) => lastOf(nameOf(user)) + 1,
    write: (user: number, version: number) => appendFileSync(nameOf(user), `${version}\n`),
    tell: (user: number, version: number) => appendFileSync(toldOf(user), `${version}\n`),
    told: (): Record<number, number> =>
      Object.fromEntries(users.map((user) => [user, lastOf(toldOf(user))] as const).filter(([, last]) => last > 0))
  }
}

export type Renames = ReturnType<typeof renamesOf>

type Shown = Record<number, number>

export const pagesOf = (renames: Renames) => {
  const user = (id: number) =>
    Effect.sync((): Shown => ({ [id]: renames.name(id) })).pipe(
      Cached.ttl(`user:${id}`, { ttl: "1 day", tags: [`team ${id % 2}`] })
    )
  const derived = { ttl: "1 day", inherit: "changes" } as const
  const merged = (parts: ReadonlyArray<Shown>): Shown => Object.assign({}, ...parts) as Shown
  const page = Effect.map(Effect.forEach(users, user), merged).pipe(Cached.ttl("page", derived))
  // Through another derived entry.
  const site = Effect.map(page, (shown) => ({ ...shown })).pipe(Cached.ttl("site", derived))
  /** The row first, then the cache, in one of the ways that there are. */
  const rename = (id: number, version: number) => {
    const ways = [
      Cached.invalidate(`user:${id}`),
      Cached.invalidate({ tag: `team ${id % 2}` }),
      Effect.asVoid(Cached.remove([`user:${id}`, "page of no user"])),
      Effect.orDie(Transaction.run(Cached.invalidate(`user:${id}`), { isolation: "fast" }))
    ]
    return Effect.andThen(
      Effect.sync(() => renames.write(id, version)),
      Effect.andThen(ways[version % ways.length]!, Effect.sync(() => renames.tell(id, version)))
    )
  }
  return { pages: [page, site], rename }
}
