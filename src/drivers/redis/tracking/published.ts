/**
 * Changes as processes tell them each other, by published messages: where the server does not tell a process of changes
 * itself, because an ACL or a proxy before it refuses client tracking.
 *
 * A message is sent when the server has answered the write, so who hears it reads what was written. It may be lost, and nobody
 * tells of what expires, is evicted or is written by other programs: memory is believed for `maxStaleness` all the same.
 *
 * Who may not track says so under a key that all others follow, every few seconds. As long as it is there they tell of what
 * they change, too; otherwise nothing is published.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Limits from "../../../internal/defaults/redis.ts"
import { tagsOfId } from "../../../internal/store/markers/idTags.ts"
import type { Change } from "../../../ports/store.ts"
import type { Told } from "../../shared/recentChanges.ts"
import { destroy } from "../connection/client.ts"
import type { Session } from "../connection/commands.ts"
import { Fault, faultOf, isFault, type Scrub } from "../fault.ts"

export interface Published {
  /** tells those who have to be told */
  readonly tell: (told: ReadonlyArray<Told>) => void
  /** looks whether others have to be told: they may have said so, or the time of that may be over */
  readonly look: () => void
  /** nobody says any more whether others have to be told: until it is known again, they are */
  readonly forget: () => void
  /** sends what is to be told, and waits until the server has it, for a while */
  readonly settle: Effect.Effect<void>
  /** hears of what others tell, and tells them, until the scope closes. The answer waits until nothing is heard any more */
  readonly hear: (offer: (change: Change) => void) => Effect.Effect<Effect.Effect<never, Fault>, Fault, Scope.Scope>
}

/** Sender, results of loads, what was changed by hand, tags, and whether all was cleared. */
type Message = readonly [
  sender: string,
  loads: ReadonlyArray<string>,
  ids: ReadonlyArray<string>,
  tags: ReadonlyArray<string>,
  all: boolean
]

export const make = (session: Session, sender: string, scrub: Scrub): Published => {
  const { keys, wire } = session
  let isDeaf = false
  /** `undefined`: nobody knows */
  let areOthers: boolean | undefined
  let waiting: Array<Told> = []
  /** how often this process has published what it should hear, since it heard something of its own */
  let unheard = 0
  /** messages that the server has not confirmed, and who waits for that */
  let unconfirmed = 0
  let settled: (() => void) | undefined

  const look = (): void =>
    wire.send(keys.controlTag, ["EXISTS", keys.deaf], (answer) => {
      areOthers = isFault(answer) ? undefined : answer === 1
    })

  const publish = (told: ReadonlyArray<Told>): void => {
    const ofKind = (tag: "Load" | "Entry") => told.flatMap((one) => one._tag === tag ? [one.id] : [])
    const tags = told.flatMap((one) => one._tag === "Tag" ? [one.tag] : [])
    const all = told.some(({ _tag }) => _tag === "All")
    const message: Message = [sender, ofKind("Load"), ofKind("Entry"), tags, all]
    unconfirmed++
    wire.send(keys.controlTag, ["PUBLISH", keys.changes, JSON.stringify(message)], () => {
      if (--unconfirmed === 0) settled?.()
    })
  }

  const flush = (): void => {
    const told = waiting
    waiting = []
    if (told.length > 0) publish(told)
  }

  /** Says that this process may not track, and publishes a message that it has to hear itself. */
  const sayDeaf = (): void => {
    wire.send(keys.controlTag, ["SET", keys.deaf, "", "PX", String(3 * Limits.tracking.announceMillis)], () => {})
    publish([])
  }

  const heard = (offer: (change: Change) => void) => (text: unknown): void => {
    const message = parse(text)
    // another release tells otherwise: anything may have changed
    if (message === undefined) return offer({ _tag: "AllChanged" })
    const [from, loads, ids, tags, all] = message
    if (from === sender) {
      unheard = 0
      return
    }
    for (const id of loads) offer({ _tag: "Changed", id })
    for (const id of ids) {
      for (const tag of tagsOfId(id)) offer({ _tag: "TagChanged", tag })
      offer({ _tag: "Changed", id })
    }
    for (const tag of tags) offer({ _tag: "TagChanged", tag })
    if (!all) return
    session.control(() => {})
    offer({ _tag: "AllChanged" })
  }

  // who writes at once, and ends, has to know too
  look()
  return {
    look,
    forget: () => void (areOthers = undefined),
    settle: Effect.ignore(Effect.timeout(
      Effect.callback<void>((resume) => {
        flush()
        settled = () => resume(Effect.void)
        if (unconfirmed === 0) settled()
      }),
      Limits.tracking.answerMillis
    )),
    tell(told) {
      if (!isDeaf && areOthers === false) return
      for (const one of told) {
        if (waiting.push(one) === 1) queueMicrotask(flush)
        else if (waiting.length === Limits.keysPerCommand) flush()
      }
    },
    hear: Effect.fnUntraced(function*(offer) {
      const client = yield* Effect.acquireRelease(
        wire.makeClient(),
        (client) => Effect.sync(() => destroy(client))
      )
      const lost = Deferred.makeUnsafe<never, Fault>()
      const end = (why: Fault) => void Deferred.doneUnsafe(lost, Effect.fail(why))
      client.on("error", (thrown: unknown) => end(faultOf(thrown, scrub)))
      client.on("end", () => end(new Fault("Unavailable", "the server has hung up")))
      yield* Effect.timeoutOrElse(
        Effect.tryPromise({
          try: async () => {
            await client.connect()
            await client.subscribe(keys.changes, heard(offer))
          },
          catch: (thrown) => faultOf(thrown, scrub)
        }),
        {
          duration: Limits.tracking.answerMillis,
          orElse: () => Effect.fail(new Fault("Timeout", "the server does not answer who listens to messages"))
        }
      )
      isDeaf = true
      yield* Effect.addFinalizer(() => Effect.sync(() => isDeaf = false))
      unheard = 0
      sayDeaf()
      const saying = Effect.forever(Effect.andThen(
        Effect.sleep(Limits.tracking.announceMillis),
        Effect.sync(() => {
          if (unheard++ > 1) end(new Fault("Unavailable", "what is published is not heard"))
          else sayDeaf()
        })
      ))
      return Effect.raceFirst(Deferred.await(lost), saying)
    })
  }
}

const parse = (text: unknown): Message | undefined => {
  try {
    const message: unknown = JSON.parse(String(text))
    return isMessage(message) ? message : undefined
  } catch {
    return undefined
  }
}

const isMessage = (message: unknown): message is Message =>
  Array.isArray(message) && typeof message[0] === "string" && typeof message[4] === "boolean" &&
  message.slice(1, 4).every((part) => Array.isArray(part) && part.every((one) => typeof one === "string"))
