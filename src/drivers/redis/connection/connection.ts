/**
 * A connection to one server, with the commands that wait for an answer. The client's own timeout covers only the
 * sending of a command, and its pings have no timeout, so the connection measures time itself. If the oldest command
 * stays unanswered for too long, the client is replaced. While the connection is down, commands fail at once.
 */
import type * as Clock from "effect/Clock"
import type * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Limits from "../../../internal/defaults/redis.ts"
import { machineClock, monotonicMillis } from "../../../internal/time/monotonic.ts"
import { endWaiting, programMillis, startWaiting } from "../../../internal/time/programTime.ts"
import { Fault, faultOf, isReply, Lost, type Scrub } from "../fault.ts"
import type { Address, Client, MakeClient, Settings } from "./client.ts"

export type Args = ReadonlyArray<string | Uint8Array>

/** A callback for a command's answer, which may be a `Fault`. It is called once, possibly before `send` returns. */
export type Done = (answer: unknown) => void

export interface Fresh {
  readonly client: Client
  readonly formerRun: string | undefined
  readonly lostAt: number
}

export interface ConnectionOptions {
  readonly name: string
  /** Finds the server's address before each attempt to connect. `undefined` if the client has its own address. */
  readonly locate: Effect.Effect<Address | undefined, Fault>
  readonly makeClient: MakeClient
  readonly settings: Settings
  readonly isCluster: boolean
  readonly rights: ReadonlyArray<ReadonlyArray<string>>
  readonly scripts: ReadonlyArray<string>
  readonly maxValue: number
  readonly scrub: Scrub
  readonly connectMillis: number
  readonly commandMillis: number
  /** Runs before the first command to a server that may lack data of the previously connected server. */
  readonly recover: (fresh: Fresh) => Effect.Effect<void, Fault>
  /** Whether `recover` also runs on the first server, which may have replaced another master and lack its changes. */
  readonly mayLack?: boolean
  readonly onLost?: (() => void) | undefined
}

interface Command {
  /** Cleared once it has been called, because a closure that stays reachable moves to the heap's old generation. */
  done: Done | undefined
  /** Receives the server's answer or a `Lost` fault, if it arrives after `done` was called with another fault. */
  readonly late: Done | undefined
  /** When the command was sent, on a clock that counts only the time in which this program could read an answer. */
  readonly sentAt: number
  isAnswered: boolean
}

export interface Connection {
  readonly options: ConnectionOptions
  /** The program's clock, from which entries get their times. The connection's own timers use the machine's clock. */
  readonly clock: Clock.Clock
  readonly isBusy: Latch.Latch
  client: Client | undefined
  /** The address of `client`, or of the last one. `undefined` if the client has its own address. */
  address: Address | undefined
  lose: ((why: Fault) => void) | undefined
  down: Fault
  commands: Array<Command>
  answered: number
  isWaiting: boolean
  hasConnected: boolean
  /** The server's clock minus the local clock, in milliseconds. 0 if the clocks agreed when they were compared. */
  offset: number
  aheadMillis: number
  /** The last measured response time, in milliseconds. It at most doubles with each measurement. 0 if unknown. */
  distanceMillis: number
  compareClocks: (() => void) | undefined
  /** By how many milliseconds a test had moved the program's clock before the first comparison with the server's. */
  movedBefore: number | undefined
  /** The `run_id` of the last server on which `recover` has succeeded or was not needed. */
  run: string | undefined
  lostAt: number
}

export const make = (options: ConnectionOptions, clock: Clock.Clock): Connection => ({
  options,
  clock,
  isBusy: Latch.makeUnsafe(),
  client: undefined,
  address: undefined,
  lose: undefined,
  down: new Fault("Unavailable", `${options.name} is not connected`),
  commands: [],
  answered: 0,
  isWaiting: false,
  hasConnected: false,
  offset: 0,
  aheadMillis: NaN,
  distanceMillis: 0,
  compareClocks: undefined,
  movedBefore: undefined,
  run: undefined,
  lostAt: 0
})

/** How far the wall clock is ahead of the monotonic clock. Changes if the clock is set, or the machine is suspended. */
export const aheadOf = (clock: Clock.Clock): number => clock.currentTimeMillisUnsafe() - monotonicMillis(clock)

/** The server's clock minus the local clock. If the local clock jumps, entries may expire too early, never late. */
export const offsetOf = (self: Connection, isWrite: boolean): number => {
  const { aheadMillis, clock, offset } = self
  const jump = aheadOf(clock) - aheadMillis
  if (Number.isNaN(jump) || Math.abs(jump) <= Limits.connection.clockMillis) return offset
  self.compareClocks?.()
  const moved = offset - Math.round(jump)
  return isWrite ? Math.min(offset, moved) : Math.max(offset, moved)
}

export const isUp = ({ client }: Connection): boolean => client !== undefined

const tooMany = new Fault("Unavailable", `more than ${Limits.connection.pending} commands have no answer yet`)

export const send = (self: Connection, args: Args, done: Done, late?: Done): void => {
  const { client } = self
  if (client === undefined) return done(self.down)
  if (self.commands.length - self.answered >= Limits.connection.pending) return done(tooMany)
  const command: Command = { done, late, sentAt: programMillis(machineClock), isAnswered: false }
  self.commands.push(command)
  if (!self.isWaiting) {
    keepTime(self)
    self.isBusy.openUnsafe()
  }
  client.sendCommand(args).then(
    (answer) => settle(self, command, answer),
    (thrown: unknown) => {
      const found = faultOf(thrown, self.options.scrub)
      const fault = isReply(thrown) ? found : lost(found)
      // The server was a master when the connection began and is now a replica, so the connection is replaced.
      if (fault.code === "READONLY") self.lose?.(fault)
      settle(self, command, fault)
    }
  )
}

/** While a command waits for its answer, measures how long the event loop was free to read answers. */
const keepTime = (self: Connection): void => {
  if (self.isWaiting === self.commands.length > self.answered) return
  self.isWaiting = !self.isWaiting
  if (self.isWaiting) startWaiting(machineClock)
  else endWaiting(machineClock)
}

const lost = ({ code, isLasting, message, reason }: Fault): Fault => new Lost(reason, message, code, isLasting)

const settle = (self: Connection, command: Command, answer: unknown): void => {
  command.isAnswered = true
  while (self.commands[self.answered]?.isAnswered === true) self.answered++
  keepTime(self)
  if (self.answered > 1024 && self.answered * 2 > self.commands.length) {
    self.commands = self.commands.slice(self.answered)
    self.answered = 0
  }
  const isLate = command.done === undefined
  complete(command, answer)
  if (isLate) command.late?.(answer)
}

const complete = (command: Command, answer: unknown): void => {
  const { done } = command
  command.done = undefined
  done?.(answer)
}

export const failAll = (self: Connection, why: Fault): void => {
  const { commands } = self
  self.commands = []
  self.answered = 0
  keepTime(self)
  const fault = lost(why)
  for (const command of commands) complete(command, fault)
}

/** Fails commands whose answer is late, and drops the connection if the server has stopped answering. */
export const look = (self: Connection): void => {
  const { answered, commands, options: { commandMillis, name } } = self
  const now = programMillis(machineClock)
  for (let i = answered; i < commands.length; i++) {
    const command = commands[i]!
    if (now - command.sentAt < commandMillis) break
    complete(command, new Fault("Timeout", `${name} did not answer within ${commandMillis} ms`))
  }
  const oldest = self.commands[self.answered]
  if (oldest === undefined) self.isBusy.closeUnsafe()
  else if (now - oldest.sentAt > Limits.connection.overdue * commandMillis) {
    self.lose?.(new Fault("Timeout", `${name} does not answer: the connection is closed`))
  }
}
