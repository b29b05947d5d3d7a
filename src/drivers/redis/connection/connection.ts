/**
 * A connection to one server: its state, and the commands that have no answer yet.
 *
 * The client's own timeout ends when a command is written, its offline queue keeps commands for later, and its pings
 * wait forever, so none of them is used. A command that is not answered in time fails, and a connection whose oldest
 * command stays unanswered is thrown away. Nothing is sent while there is no connection.
 */
import type * as Clock from "effect/Clock"
import type * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Limits from "../../../internal/defaults/redis.ts"
import { endWaiting, programMillis, startWaiting } from "../../../internal/time/programTime.ts"
import { Fault, faultOf, type Scrub } from "../fault.ts"
import type { Address, Client, MakeClient, Settings } from "./client.ts"

export type Args = ReadonlyArray<string | Uint8Array>

/** Takes the answer to a command, or a `Fault`. It is called once, perhaps before `send` returns. */
export type Done = (answer: unknown) => void

/** A new connection to a server that may lack data. */
export interface Fresh {
  readonly client: Client
  /** The run of the former server, if it is known. */
  readonly formerRun: string | undefined
  /** When the connection to that server was lost, by the monotonic clock. */
  readonly lostAt: number
}

export interface ConnectionOptions {
  /** The address of the server, for messages. */
  readonly name: string
  /** Finds the server before each attempt; `undefined`: the client knows it. */
  readonly locate: Effect.Effect<Address | undefined, Fault>
  readonly makeClient: MakeClient
  readonly settings: Settings
  readonly isCluster: boolean
  readonly scripts: ReadonlyArray<string>
  readonly scrub: Scrub
  readonly connectMillis: number
  /** How long a command may take. */
  readonly commandMillis: number
  /** Runs before the first command to a server that may lack what the former one had. */
  readonly recover: (fresh: Fresh) => Effect.Effect<void, Fault>
  /** The first server of this connection may lack data, too: it has replaced the one of another connection. */
  readonly mayLack?: boolean
  readonly onLost?: (() => void) | undefined
}

interface Command {
  /** Missing after its call: its closure would outlive the young generation of the heap otherwise. */
  done: Done | undefined
  /** Takes an answer that comes after `done` got a timeout. */
  readonly late: Done | undefined
  /** In the time of the program. */
  readonly sentAt: number
  isAnswered: boolean
}

export interface Connection {
  readonly options: ConnectionOptions
  readonly clock: Clock.Clock
  /** Is open while commands wait for answers. */
  readonly isBusy: Latch.Latch
  client: Client | undefined
  /** Throws the present client away. */
  lose: ((why: Fault) => void) | undefined
  /** The answer to commands while there is no client. */
  down: Fault
  commands: Array<Command>
  /** How many of the commands, from the first, are answered. */
  answered: number
  isWaiting: boolean
  hasConnected: boolean
  /** The server's clock less ours, in milliseconds; 0 where both show the same. */
  offset: number
  /** How much the program's clock was moved by a test before the first measurement. */
  movedBefore: number | undefined
  /** The run of the server that has everything. */
  run: string | undefined
  /** When the last connection to it was lost. */
  lostAt: number
}

export const make = (options: ConnectionOptions, clock: Clock.Clock): Connection => ({
  options,
  clock,
  isBusy: Latch.makeUnsafe(),
  client: undefined,
  lose: undefined,
  down: new Fault("Unavailable", `${options.name} is not connected`),
  commands: [],
  answered: 0,
  isWaiting: false,
  hasConnected: false,
  offset: 0,
  movedBefore: undefined,
  run: undefined,
  lostAt: 0
})

export const isUp = ({ client }: Connection): boolean => client !== undefined

const tooMany = new Fault("Unavailable", `more than ${Limits.connection.pending} commands have no answer yet`)

export const send = (self: Connection, args: Args, done: Done, late?: Done): void => {
  const { client } = self
  if (client === undefined) return done(self.down)
  if (self.commands.length - self.answered >= Limits.connection.pending) return done(tooMany)
  const command: Command = { done, late, sentAt: programMillis(self.clock), isAnswered: false }
  self.commands.push(command)
  if (!self.isWaiting) {
    keepTime(self)
    self.isBusy.openUnsafe()
  }
  client.sendCommand(args).then(
    (answer) => settle(self, command, answer),
    (thrown: unknown) => {
      const fault = faultOf(thrown, self.options.scrub)
      // The server was a master when the connection began.
      if (fault.code === "READONLY") self.lose?.(fault)
      settle(self, command, fault)
    }
  )
}

/** The time of the program counts while a command waits for its answer. */
const keepTime = (self: Connection): void => {
  if (self.isWaiting === self.commands.length > self.answered) return
  self.isWaiting = !self.isWaiting
  if (self.isWaiting) startWaiting(self.clock)
  else endWaiting(self.clock)
}

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

/** Calls `done` the first time. */
const complete = (command: Command, answer: unknown): void => {
  const { done } = command
  command.done = undefined
  done?.(answer)
}

/** Fails all commands without an answer. */
export const failAll = (self: Connection, why: Fault): void => {
  const { commands } = self
  self.commands = []
  self.answered = 0
  keepTime(self)
  for (const command of commands) complete(command, why)
}

/** Fails commands without an answer in time, and loses a connection that answers nothing. */
export const look = (self: Connection): void => {
  const { answered, commands, options: { commandMillis, name } } = self
  const now = programMillis(self.clock)
  for (let i = answered; i < commands.length; i++) {
    const command = commands[i]!
    if (now - command.sentAt < commandMillis) break
    complete(command, new Fault("Timeout", `${name} has not answered in ${commandMillis} ms`))
  }
  const oldest = self.commands[self.answered]
  if (oldest === undefined) self.isBusy.closeUnsafe()
  else if (now - oldest.sentAt > Limits.connection.overdue * commandMillis) {
    self.lose?.(new Fault("Timeout", `${name} does not answer: the connection is thrown away`))
  }
}
