/**
 * A connection to one server, which is made again whenever it is lost.
 *
 * The client's own timeout ends when a command is written, its offline queue keeps commands for later, and its pings wait
 * for ever: so none of them is used. A command that is not answered in time fails, and a connection whose oldest command
 * stays unanswered is thrown away. Nothing is sent while there is no connection.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Limits from "../../../internal/defaults/redis.ts"
import { monotonicMillis } from "../../../internal/time/monotonic.ts"
import { endWaiting, programMillis, startWaiting } from "../../../internal/time/programTime.ts"
import { Fault, faultOf, isFault, type Scrub } from "../fault.ts"
import type { Recovery } from "../store/recovery.ts"
import {
  type Address,
  type Client,
  destroy,
  greet,
  type MakeClient,
  type Settings,
  speaksPlainly,
  speaksTls
} from "./client.ts"

export type Args = ReadonlyArray<string | Uint8Array>

/** Takes the answer to a command, or a `Fault`. It is called once, perhaps before `send` is done. */
export type Done = (answer: unknown) => void

export interface Connection {
  /** where the server is, for messages */
  readonly name: string
  /** `late` takes an answer that comes after `done` was told that there is none */
  readonly send: (args: Args, done: Done, late?: Done) => void
  readonly isUp: () => boolean
  /** the server's clock less ours, in milliseconds; 0 where they show the same */
  readonly offset: () => number
  /** the run of the server; empty before the first connection, and where it is not told */
  readonly run: () => string
  /** throws the connection away: another one is made, perhaps to another server */
  readonly drop: (why: Fault) => void
}

export interface Options {
  readonly name: string
  /** finds the server, each time anew; `undefined`: the client knows it */
  readonly locate: Effect.Effect<Address | undefined, Fault>
  readonly makeClient: MakeClient
  readonly settings: Settings
  readonly isCluster: boolean
  readonly scripts: ReadonlyArray<string>
  readonly scrub: Scrub
  /** how long it may take to connect */
  readonly connectMillis: number
  /** how long a command may take */
  readonly commandMillis: number
  /** is done before anything is sent to a server that may lack what the one before it had */
  readonly recover: Recovery["recover"]
  /** it has taken the place of another one, perhaps without all that that had */
  readonly mayLack?: boolean
  /** is told when the connection is lost */
  readonly onLost?: (() => void) | undefined
}

/** the clock of a program whose time is real */
const machine = Clock.Clock.defaultValue()

interface Command {
  /** none as soon as it is told: what it holds would outlive the young generation of the heap otherwise */
  done: Done | undefined
  readonly late: Done | undefined
  /** in the time of the program */
  readonly sentAt: number
  isAnswered: boolean
}

/** Tells once. */
const tell = (command: Command, answer: unknown): void => {
  const { done } = command
  command.done = undefined
  done?.(answer)
}

/** Opens a connection. Answers after the first attempt: with the fault of it, if it failed. */
export const open = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<readonly [Connection, Fault | undefined], never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const first = Deferred.makeUnsafe<Fault | undefined>()
  const busy = Latch.makeUnsafe()
  let client: Client | undefined
  let wasEver = false
  let down = new Fault("Unavailable", `${options.name} is not connected`)
  let lose: ((why: Fault) => void) | undefined
  let offset = 0
  /** the run of the server that has everything, and when the last connection to it was lost */
  let run: string | undefined
  let lostAt = 0
  let commands: Array<Command> = []
  /** how many of the commands, from the first, are answered */
  let answered = 0
  let isWaiting = false

  /** The time of the program goes on while there is a command without an answer. */
  const keepTime = () => {
    if (isWaiting === commands.length > answered) return
    isWaiting = !isWaiting
    if (isWaiting) startWaiting(clock)
    else endWaiting(clock)
  }

  const settle = (command: Command, answer: unknown) => {
    command.isAnswered = true
    while (commands[answered]?.isAnswered === true) answered++
    keepTime()
    if (answered > 1024 && answered * 2 > commands.length) {
      commands = commands.slice(answered)
      answered = 0
    }
    const isLate = command.done === undefined
    tell(command, answer)
    if (isLate) command.late?.(answer)
  }

  const failAll = (why: Fault) => {
    const open = commands
    commands = []
    answered = 0
    keepTime()
    for (const command of open) tell(command, why)
  }

  const send = (args: Args, done: Done, late?: Done): void => {
    const to = client
    if (to === undefined) return done(down)
    if (commands.length - answered >= Limits.connection.pending) return done(tooMany)
    const command: Command = { done, late, sentAt: programMillis(clock), isAnswered: false }
    commands.push(command)
    if (!isWaiting) {
      keepTime()
      busy.openUnsafe()
    }
    to.sendCommand(args).then(
      (answer) => settle(command, answer),
      (thrown: unknown) => {
        const fault = faultOf(thrown, options.scrub)
        // the server was a master when it was asked: it is none any more
        if (fault.code === "READONLY") lose?.(fault)
        settle(command, fault)
      }
    )
  }

  /** Looks at what has no answer yet. */
  const look = () => {
    const now = programMillis(clock)
    for (let i = answered; i < commands.length; i++) {
      const command = commands[i]!
      if (now - command.sentAt < options.commandMillis) break
      tell(command, new Fault("Timeout", `${options.name} has not answered in ${options.commandMillis} ms`))
    }
    const oldest = commands[answered]
    if (oldest === undefined) busy.closeUnsafe()
    else if (now - oldest.sentAt > Limits.connection.overdue * options.commandMillis) {
      lose?.(new Fault("Timeout", `${options.name} does not answer: the connection is thrown away`))
    }
  }

  /** how much further a clock has been moved by a test than the time that has passed */
  const movedMillis = () => clock === machine ? 0 : monotonicMillis(clock) - monotonicMillis(machine)
  let movedBefore: number | undefined
  const adjust = (time: number, tookMillis: number) => {
    // a test that moves its clock wants entries to expire, and the server's clock did not move
    movedBefore ??= movedMillis()
    const measured = time - clock.currentTimeMillisUnsafe() + tookMillis / 2 + movedMillis() - movedBefore
    const slack = Limits.connection.clockMillis + tookMillis / 2
    if (!Number.isFinite(measured)) return
    if (Math.abs(measured) <= slack) offset = 0
    else if (Math.abs(measured - offset) > slack) offset = Math.round(measured)
  }

  /** Uses one client until it is lost. Answers why, and whether it was ever ready. */
  const use = (fresh: Client, address: Address | undefined): Effect.Effect<Ended> => {
    const ended = Deferred.makeUnsafe<Fault>()
    let wasReady = false
    const end = (why: Fault) => {
      // at once: nothing more is sent to it
      if (client === fresh) {
        client = undefined
        lostAt = monotonicMillis(clock)
      }
      Deferred.doneUnsafe(ended, Exit.succeed(why))
    }
    fresh.on("error", (thrown: unknown) => end(faultOf(thrown, options.scrub)))
    fresh.on("end", () => end(new Fault("Unavailable", `${options.name} has hung up`, hungUp)))
    const ready = Effect.tryPromise({
      try: async () => {
        await fresh.connect()
        return await greet(fresh, { ...options, nowMillis: () => monotonicMillis(clock) })
      },
      catch: (thrown) => isFault(thrown) ? thrown : faultOf(thrown, options.scrub)
    }).pipe(
      Effect.tap((greeting) =>
        run === undefined && options.mayLack !== true || run !== "" && greeting.run === run
          ? Effect.void
          : options.recover({ client: fresh, formerRun: run, lostAt })
      ),
      Effect.timeoutOrElse({
        duration: options.connectMillis,
        orElse: () => Effect.fail(new Fault("Timeout", `${options.name} could not be reached in time`))
      }),
      Effect.catch((fault) =>
        Effect.flatMap(wasEver ? Effect.succeed(fault) : explained(fault, address, options), Effect.fail)
      )
    )
    const whole = Effect.gen(function*() {
      const greeting = yield* ready
      adjust(greeting.time, greeting.tookMillis)
      run = greeting.run
      client = fresh
      lose = end
      wasReady = wasEver = true
      Deferred.doneUnsafe(first, Exit.succeed(undefined))
      return yield* Deferred.await(ended)
    })
    return whole.pipe(
      Effect.catch((fault) => Effect.succeed(fault)),
      Effect.map((why) => ({ why, wasReady })),
      Effect.ensuring(Effect.sync(() => {
        if (lose === end) lose = undefined
        if (client === fresh) client = undefined
        destroy(fresh)
      }))
    )
  }

  const once: Effect.Effect<Ended> = Effect.gen(function*() {
    const address = yield* options.locate
    const fresh = yield* Effect.try({
      try: () => options.makeClient(address, options.settings),
      catch: (thrown) => isFault(thrown) ? thrown : faultOf(thrown, options.scrub)
    })
    return yield* use(fresh, address)
  }).pipe(Effect.catch((why) => Effect.succeed({ why, wasReady: false })))

  const connecting = Effect.gen(function*() {
    let pause: number = Limits.connection.firstPauseMillis
    for (;;) {
      const { wasReady, why } = yield* once
      down = new Fault(why.reason === "Timeout" ? "Unavailable" : why.reason, why.message, why.code, why.isLasting)
      failAll(down)
      Deferred.doneUnsafe(first, Exit.succeed(down))
      if (wasReady) {
        pause = Limits.connection.firstPauseMillis
        options.onLost?.()
      }
      const jitter = 0.5 + (yield* Random.next) / 2
      // a replica may be the master again, or its name mean another server
      const isRefused = why.isLasting && why.code !== "REPLICA"
      yield* Effect.sleep(isRefused ? Limits.connection.refusedMillis : pause * jitter)
      pause = Math.min(Limits.connection.longestPauseMillis, pause * 2)
    }
  })

  const watching = Effect.forever(
    Effect.andThen(
      busy.await,
      Effect.andThen(Effect.sleep(options.commandMillis / Limits.connection.looks), Effect.sync(look))
    )
  )

  /** Finds out that an idle connection is dead, and how the clocks stand. */
  const heartbeat = Effect.forever(Effect.andThen(
    Effect.sleep(Limits.connection.heartbeatMillis),
    Effect.sync(() => {
      if (client === undefined) return
      const askedAt = monotonicMillis(clock)
      send(["TIME"], (answer) => {
        if (!Array.isArray(answer)) return
        adjust(Number(answer[0]) * 1000 + Number(answer[1]) / 1000, monotonicMillis(clock) - askedAt)
      })
    })
  ))

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      down = new Fault("Unavailable", "the store is closed")
      failAll(down)
    })
  )
  yield* Effect.forkScoped(connecting)
  yield* Effect.forkScoped(watching)
  yield* Effect.forkScoped(heartbeat)
  const fault = yield* Deferred.await(first)
  const connection: Connection = {
    name: options.name,
    send,
    isUp: () => client !== undefined,
    offset: () => offset,
    run: () => run ?? "",
    drop: (why) => lose?.(why)
  }
  return [connection, fault]
})

interface Ended {
  readonly why: Fault
  readonly wasReady: boolean
}

const hungUp = "HUNGUP"

const tooMany = new Fault("Unavailable", `more than ${Limits.connection.pending} commands have no answer yet`)

/** One side speaks TLS and the other does not: it hangs up, or says nothing. Then waiting does not help. */
const explained = (
  fault: Fault,
  address: Address | undefined,
  { connectMillis, name, settings }: Options
): Effect.Effect<Fault> => {
  const isSecure = settings.tls !== undefined
  const mayBe = isSecure ? fault.reason === "Timeout" : fault.reason !== "Timeout" && fault.code !== "ECONNREFUSED"
  if (address === undefined || fault.isLasting || !mayBe) return Effect.succeed(fault)
  return Effect.map(
    Effect.promise(() => (isSecure ? speaksPlainly : speaksTls)(address, connectMillis / 2)),
    (isOther) => isOther ? new Fault("Denied", `${name} ${isSecure ? plain : secure}`, "TLS", true) : fault
  )
}

const plain = "speaks no TLS: use redis://, without the option \"tls\""
const secure = "speaks TLS: use rediss://, or the option \"tls\""
