/**
 * Which entries were read, and when. A bucket knows only when objects were written, and a request for each use would
 * cost more than the load that it saves. So each process writes now and then one object with all that it has used, and
 * a clean-up adds these objects to a single one. They hold hashes of names: if two names share one, an entry stays that
 * could have gone.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Hash from "effect/Hash"
import type { Meta } from "../../../CacheEntry.ts"
import type { StoreError } from "../../../CacheError.ts"
import * as Defaults from "../../../internal/defaults/objects.ts"
import { remember } from "../../../internal/remember.ts"
import { forEach } from "../../../internal/time/turns.ts"
import * as Room from "../../shared/room.ts"
import { send, serverNow } from "../bucket/client.ts"
import { page } from "../bucket/list.ts"
import { nameOf } from "../bucket/names.ts"
import type { Objects, Seen } from "../store/objects.ts"

const operation = "tidy"

/** The times of uses, by the clock of the server, and by hashes of names. The last ones are the latest. */
export type Uses = Map<number, number>

export const usedAt = (uses: Uses, name: string): number => uses.get(Hash.string(name)) ?? 0

/** Notes that an entry was read. */
export const note = (
  { bucket, noted, room }: Objects,
  id: string,
  meta: Meta,
  { modifiedAt }: Seen
): Effect.Effect<void> =>
  room.maxSize === Infinity || Number.isNaN(modifiedAt) ? Effect.void : Effect.map(Clock.currentTimeMillis, (local) => {
    const name = nameOf("e", id)
    const now = serverNow(bucket, local)
    Room.noteUse(room, name, meta, now - Math.max(modifiedAt, noted.get(name) ?? 0))
    if (room.uses.has(name)) remember(noted, name, now, Defaults.remembered)
  })

const told = nameOf("r", "told-")

/** Whether an object has the uses that one process has told. */
export const isTold = (name: string): boolean => name.startsWith(told)

/** Writes which entries this process has used. */
export const tell =
  ({ bucket }: Objects) => (uses: ReadonlyMap<string, number>): Effect.Effect<unknown, StoreError> => {
    const body = new DataView(new ArrayBuffer(uses.size * 4))
    let at = 0
    for (const name of uses.keys()) body.setInt32(4 * at++, Hash.string(name))
    const name = `${told}${bucket.tokens.next(16)}`
    return send(bucket, { operation, method: "PUT", name, body: new Uint8Array(body.buffer), condition: absent })
  }

const absent = { etag: undefined }
const all = nameOf("r", "uses")

/** Adds what processes have told to the uses that are known, and returns all. */
export const collect = Effect.fnUntraced(function*({ bucket }: Objects): Effect.fn.Return<Uses, StoreError> {
  const uses: Uses = new Map()
  const read = (name: string) =>
    Effect.map(
      send(bucket, { operation, method: "GET", name }, [404]),
      ({ body, status }) => status === 404 ? undefined : new DataView(body.buffer, body.byteOffset, body.length)
    )
  const known = yield* read(all)
  if (known !== undefined) {
    yield* forEach(positions(known, 8), (at) => uses.set(known.getInt32(at), known.getUint32(at + 4) * 1000))
  }
  const { objects } = yield* page(bucket, operation, told)
  if (objects.length === 0) return uses
  for (const { modifiedAt, name } of objects.toSorted((a, b) => a.modifiedAt - b.modifiedAt)) {
    const one = yield* read(name)
    if (one === undefined || Number.isNaN(modifiedAt)) continue
    yield* forEach(positions(one, 4), (at) => {
      const hash = one.getInt32(at)
      uses.delete(hash)
      uses.set(hash, modifiedAt)
    })
  }
  for (const oldest of uses.keys()) {
    if (uses.size <= Defaults.uses.kept) break
    uses.delete(oldest)
  }
  const body = new DataView(new ArrayBuffer(uses.size * 8))
  let at = 0
  yield* forEach(uses, ([hash, millis]) => {
    body.setInt32(at, hash)
    body.setUint32(at + 4, Math.floor(millis / 1000))
    at += 8
  })
  yield* send(bucket, { operation, method: "PUT", name: all, body: new Uint8Array(body.buffer) })
  yield* Effect.forEach(objects, ({ name }) => send(bucket, { operation, method: "DELETE", name }, [404]), {
    concurrency: Defaults.concurrency,
    discard: true
  })
  return uses
})

/** The places of the records of a body. The rest of a damaged one is no record. */
const positions = function*({ byteLength }: DataView, size: number): Generator<number> {
  for (let at = 0; at + size <= byteLength; at += size) yield at
}
