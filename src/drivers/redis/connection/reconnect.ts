/** Keeps a connection open: reconnects whenever it is lost, and compares the server's clock with the local clock. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Limits from "../../../internal/defaults/redis.ts"
import { machineClock, monotonicMillis, onMachineClock } from "../../../internal/time/monotonic.ts"
import { loopRestedMillis } from "../../../internal/time/programTime.ts"
import { Fault, faultOf, isFault, unreached } from "../fault.ts"
import { toTime } from "../protocol/replies.ts"
import { type Address, type Client, destroy } from "./client.ts"
import * as Connection from "./connection.ts"
import { greet, speaksPlainly, speaksTls } from "./greeting.ts"

/** Opens a connection until the scope closes. Returns after the first attempt, with a fault if the attempt failed. */
export const open = Effect.fnUntraced(function*(
  options: Connection.ConnectionOptions
): Effect.fn.Return<readonly [Connection.Connection, Fault | undefined], never, Scope.Scope> {
  const self = Connection.make(options, yield* Clock.Clock)
  const first = Deferred.makeUnsafe<Fault | undefined>()
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      self.down = new Fault("Unavailable", "the store is closed")
      Connection.failAll(self, self.down)
    })
  )
  yield* Effect.forkScoped(onMachineClock(keepConnected(self, first)))
  yield* Effect.forkScoped(onMachineClock(keepLooking(self)))
  yield* Effect.forkScoped(onMachineClock(keepBeating(self)))
  return [self, yield* Deferred.await(first)]
})

type First = Deferred.Deferred<Fault | undefined>

const keepConnected = Effect.fnUntraced(function*(self: Connection.Connection, first: First) {
  const { firstPauseMillis, longestPauseMillis, refusedMillis } = Limits.connection
  let pause: number = firstPauseMillis
  for (;;) {
    const { wasReady, why } = yield* connect(self, first)
    const down = why.reason === "Timeout" ? new Fault("Unavailable", why.message, why.code, why.isLasting) : why
    self.down = self.hasConnected || self.options.mayLack === true ? down : unreached(down)
    Connection.failAll(self, self.down)
    Deferred.doneUnsafe(first, Exit.succeed(down))
    if (wasReady) {
      pause = firstPauseMillis
      self.options.onLost?.()
    }
    const jitter = 0.5 + (yield* Random.next) / 2
    // After `REPLICA`, pauses stay short: the replica may become a master, or its host name may get another address.
    const isRefused = why.isLasting && why.code !== "REPLICA"
    yield* Effect.sleep(isRefused ? refusedMillis : pause * jitter)
    pause = Math.min(longestPauseMillis, pause * 2)
  }
})

const keepLooking = (self: Connection.Connection): Effect.Effect<never> =>
  Effect.forever(Effect.andThen(
    self.isBusy.await,
    Effect.andThen(
      Effect.sleep(self.options.commandMillis / Limits.connection.looks),
      Effect.sync(() => Connection.look(self))
    )
  ))

/** Sends `TIME` at intervals, to detect that an idle connection is dead and to compare the two clocks. */
const keepBeating = (self: Connection.Connection): Effect.Effect<never> =>
  Effect.forever(Effect.andThen(
    Effect.sleep(Limits.connection.heartbeatMillis),
    Effect.sync(() => compareClocks(self))
  ))

const compareClocks = (self: Connection.Connection, times = 1): void => {
  if (!Connection.isUp(self)) return
  const askedAt = monotonicMillis(machineClock)
  self.compareClocks = undefined
  const rested = loopRestedMillis()
  Connection.send(self, ["TIME"], (answer) => {
    const tookMillis = monotonicMillis(machineClock) - askedAt
    adjust(self, toTime(answer), tookMillis)
    if (isFault(answer)) return
    const { distanceMillis } = self
    // A busy event loop can make a response time look longer, never shorter.
    if (tookMillis < distanceMillis) self.distanceMillis = tookMillis
    else if (wasFree(rested, tookMillis)) {
      self.distanceMillis = distanceMillis === 0 ? tookMillis : Math.min(tookMillis, 2 * distanceMillis)
    }
    if (times > 1) compareClocks(self, times - 1)
  })
}

/** Whether the event loop was free to read an answer. If not, the response time does not show the server's distance. */
const wasFree = (restedBefore: number, tookMillis: number): boolean => {
  const rested = loopRestedMillis() - restedBefore
  return Number.isNaN(rested) || rested >= tookMillis / 2
}

interface Ended {
  readonly why: Fault
  readonly wasReady: boolean
}

const connect = (self: Connection.Connection, first: First): Effect.Effect<Ended> => {
  const { locate, makeClient, scrub, settings } = self.options
  return Effect.gen(function*() {
    const address = yield* locate
    const client = yield* Effect.try({
      try: () => makeClient(address, settings),
      catch: (thrown) => isFault(thrown) ? thrown : faultOf(thrown, scrub)
    })
    return yield* use(self, client, { address, first })
  }).pipe(Effect.catch((why) => Effect.succeed({ why, wasReady: false })))
}

const use = (
  self: Connection.Connection,
  client: Client,
  { address, first }: { readonly address: Address | undefined; readonly first: First }
): Effect.Effect<Ended> => {
  const { name, scrub } = self.options
  const ended = Deferred.makeUnsafe<Fault>()
  let wasReady = false
  const end = (why: Fault) => {
    // The client is cleared at once, so that no further command is sent to it.
    if (self.client === client) {
      self.client = undefined
      self.lostAt = monotonicMillis(machineClock)
    }
    Deferred.doneUnsafe(ended, Exit.succeed(why))
  }
  client.on("error", (thrown: unknown) => end(faultOf(thrown, scrub)))
  client.on("end", () => end(new Fault("Unavailable", `${name} closed the connection`, "HUNGUP")))
  return Effect.gen(function*() {
    const greeting = yield* ready(self, client, address)
    adjust(self, greeting.time, greeting.tookMillis)
    self.distanceMillis = greeting.wasFree ? greeting.tookMillis : 0
    self.run = greeting.run
    self.client = client
    self.address = address
    self.lose = end
    wasReady = self.hasConnected = true
    compareClocks(self, 3)
    Deferred.doneUnsafe(first, Exit.succeed(undefined))
    return yield* Deferred.await(ended)
  }).pipe(
    Effect.catch((fault) => Effect.succeed(fault)),
    Effect.map((why) => ({ why, wasReady })),
    Effect.ensuring(Effect.sync(() => {
      if (self.lose === end) self.lose = undefined
      if (self.client === client) self.client = undefined
      destroy(client)
    }))
  )
}

const ready = (self: Connection.Connection, client: Client, address: Address | undefined) => {
  const { options, run } = self
  return Effect.tryPromise({
    try: async () => {
      await client.connect()
      const rested = loopRestedMillis()
      const greeting = await greet(client, { ...options, nowMillis: () => monotonicMillis(machineClock) })
      return { ...greeting, wasFree: wasFree(rested, greeting.tookMillis) }
    },
    catch: (thrown) => isFault(thrown) ? thrown : faultOf(thrown, options.scrub)
  }).pipe(
    Effect.tap((greeting) =>
      run === undefined && options.mayLack !== true || run !== "" && greeting.run === run
        ? Effect.void
        : options.recover({ client, formerRun: run, lostAt: self.lostAt })
    ),
    Effect.timeoutOrElse({
      duration: options.connectMillis,
      orElse: () => Effect.fail(new Fault("Timeout", `${options.name} could not be reached in time`))
    }),
    Effect.catch((fault) =>
      Effect.flatMap(self.hasConnected ? Effect.succeed(fault) : explained(fault, address, options), Effect.fail)
    )
  )
}

/** Replaces the fault of a lost or silent connection with a permanent fault, if only one side speaks TLS. */
const explained = (
  fault: Fault,
  address: Address | undefined,
  { connectMillis, name, settings }: Connection.ConnectionOptions
): Effect.Effect<Fault> => {
  const isSecure = settings.tls !== undefined
  const mayBe = isSecure ? fault.reason === "Timeout" : fault.reason !== "Timeout" && fault.code !== "ECONNREFUSED"
  if (address === undefined || fault.isLasting || !mayBe) return Effect.succeed(fault)
  return Effect.map(
    Effect.promise(() => (isSecure ? speaksPlainly : speaksTls)(address, connectMillis / 2)),
    (isOther) => isOther ? new Fault("Denied", `${name} ${isSecure ? plain : secure}`, "TLS", true) : fault
  )
}

const plain = "does not speak TLS: use redis://, without the option \"tls\""
const secure = "speaks TLS: use rediss://, or the option \"tls\""

/** By how many milliseconds a test has moved the program's clock ahead of the machine's clock. */
const movedMillis = (clock: Clock.Clock): number =>
  clock === machineClock ? 0 : monotonicMillis(clock) - monotonicMillis(machineClock)

/** Records how far the server's clock is ahead of the local clock. Ignores differences below the measurement error. */
const adjust = (self: Connection.Connection, time: number, tookMillis: number): void => {
  const { clock } = self
  // A test may move the program's clock to make entries expire. The offset must not include such a move.
  self.movedBefore ??= movedMillis(clock)
  const measured = time - clock.currentTimeMillisUnsafe() + tookMillis / 2 + movedMillis(clock) - self.movedBefore
  const slack = Limits.connection.clockMillis + tookMillis / 2
  self.compareClocks = () => compareClocks(self)
  if (!Number.isFinite(measured)) return
  self.aheadMillis = Connection.aheadOf(clock)
  if (Math.abs(measured) <= slack) self.offset = 0
  else if (Math.abs(measured - self.offset) > slack) self.offset = Math.round(measured)
}
