import type { Backend, Engine } from "./model.ts"

/**
 * The versions of a key class's tags as the store has told them, since what other processes do was last heard: some 50 ms
 * ago at most. Every invalidation by tag, here or heard, makes all of them be asked for again.
 *
 * They are good for one thing: to say that an entry is valid still without asking for them with every read.
 */
export interface Told {
  /** by the one list that all keys of a class without indexes share */
  readonly byTags: Map<ReadonlyArray<string>, ReadonlyArray<string | undefined>>
  epoch: number
}

export const make = (): Told => ({ byTags: new Map(), epoch: 0 })

/** so many classes, in 50 ms */
const limit = 1000

export const forget = (self: Told): void => self.byTags.clear()

/** who was stopped, or busy, looks late at what others did: until then nothing is taken as told */
const lateMillis = 100

// what nobody listens for may change unheard; a list that was made for one key is never asked about again
const isUseful = ({ deaf, follower, heardAt }: Backend, tags: ReadonlyArray<string>, now: number): boolean =>
  follower !== undefined && !deaf && now >= heardAt && now - heardAt < lateMillis && Object.isFrozen(tags)

export const versionsOf = (
  { tags: { epoch } }: Engine,
  backend: Backend,
  tags: ReadonlyArray<string>,
  now: number
): ReadonlyArray<string | undefined> | undefined =>
  backend.told.epoch === epoch && isUseful(backend, tags, now) ? backend.told.byTags.get(tags) : undefined

export const remember = (
  { tags: { epoch } }: Engine,
  backend: Backend,
  tags: ReadonlyArray<string>,
  versions: ReadonlyArray<string | undefined>,
  now: number
): void => {
  if (tags.length === 0 || !isUseful(backend, tags, now)) return
  const { told } = backend
  if (told.epoch !== epoch || told.byTags.size >= limit) forget(told)
  told.epoch = epoch
  told.byTags.set(tags, versions)
}
