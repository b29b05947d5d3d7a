/** For each rule one change of `src` after which it speaks (`found.test.ts`), in the first schedules of `rules.ts`. */
import type { Edit } from "../deliberateFaults/fault.ts"
import type { RuleName } from "./rules.ts"

export interface Change extends Edit {
  readonly also?: ReadonlyArray<Edit>
  /** Features of the programs, whatever the seed draws. */
  readonly draws?: ReadonlyArray<string>
  /** Other rules that speak as soon, because a thing that goes wrong there goes wrong for them too. */
  readonly beside?: ReadonlyArray<RuleName>
}

export const changes: { readonly [Name in RuleName]: Change } = {
  "a value is of its key": {
    in: "beginCall",
    find: "Exit.isFailure(exits) ? exits : exits.value[place]!",
    replace: "Exit.isFailure(exits) ? exits : exits.value[exits.value.length - 1 - place]!",
    beside: ["only failures that are to be stored are", "a failure is that of a load of the reader"]
  },
  "an id has one load": {
    draws: ["crowds"],
    in: "enqueue",
    find: "if (running !== undefined) return askedAgain(self, running)",
    replace: ""
  },
  "many keys get one answer each": {
    draws: ["copy", "copyOfMany"],
    in: "readMany",
    find: "answerOrDefect(() => Exit.map(exit, copyOf(copy, many.keys[i]!)))",
    replace: "Exit.map(exit, copyOf(copy, many.keys[i]!))"
  },
  "a stream is of one run": {
    in: "nextOfReplay",
    find: "return emit(self, read)",
    replace: "return emit(self, read.slice(1))"
  },
  "a load has a lease": {
    in: "acquireLease",
    find: "acquired = yield* waitForLease(self, tier, { flight, owner, leftMillis: answer.answer.leftMillis })",
    replace: "return undefined as never"
  },
  "one process leads": {
    // Each of the leaders counts as beside the other.
    beside: ["a cache that loads beside the leader has waited"],
    in: "take",
    find: "if (left === 0 || lease.owner === owner) {",
    replace: "if (left < Infinity || lease.owner === owner) {"
  },
  "a cache that loads beside the leader has waited": {
    in: "joinOf",
    find: "waitMillis !== undefined && waitedMillis >= waitMillis",
    replace: "waitMillis !== undefined && waitedMillis >= waitMillis * 0.8"
  },
  "a result of the generation is stored": {
    in: "take",
    find: "if (lease.owner !== owner) lease.joinedAt = undefined",
    replace: `if (lease.owner !== owner) {
      lease.joinedAt = undefined
      ;(lease as { generation: string }).generation = owner
    }`
  },
  "a stream is served as a whole": {
    in: "manifestFor",
    find: "log.run, log.count, log.bytes",
    replace: "log.run, Math.max(0, log.count - 1), log.bytes",
    also: [{
      in: "nextOfReplay",
      find: "replay.decoded === undefined && self.elements !== manifest.elements",
      replace: "self.elements < 0"
    }]
  },
  "what was removed is gone": { in: "change", find: "else detachBegun(self, id, how)", replace: "" },
  "what another process removed meanwhile is not stored": {
    in: "commit",
    find: "if (!self.leases.isCurrent(id, generation, now)) return false",
    replace: ""
  },
  "what was not set is not served": {
    draws: ["transacts"],
    in: "setNow",
    find: "Entries.put(self.own, entry, now)",
    replace:
      "Entries.put(self.own, entry, now); Entries.put(self.root.base, copyOf(entry, { bornAt: self.root.base.tagEpochs.epoch }), now)"
  },
  "operations by hand agree": {
    draws: ["several"],
    in: "forgetMany",
    find: "now < (Memory.peek(self.memory, self.tagEpochs, id)?.expiresAt ?? -Infinity)",
    replace: "self.memory.entries.get(id) !== undefined"
  },
  "a transaction reads what it has written": {
    draws: ["transacts"],
    in: "setNow",
    find: "Entries.put(self.own, entry, now)",
    replace: ""
  },
  "what was changed meanwhile is not stored": {
    in: "commit",
    find: "if (!self.leases.isCurrent(id, generation, now)) return false",
    replace: "",
    // Such a result is served, too.
    beside: ["what was removed is gone", "what another process removed is gone in time"]
  },
  "what another process removed is gone in time": {
    in: "poll",
    find: "applyChange(self, tier, one)",
    replace: "void one"
  },
  "no reader is interrupted for another": {
    in: "endIfUnneeded",
    find: "if (flight.callers.size > 0 || flight.exit !== undefined) return",
    replace: "if (flight.exit !== undefined) return"
  },
  "a failure is that of a load of the reader": {
    in: "exitOf",
    find: "flight.attempt.previous!.exit : exit",
    replace:
      "flight.attempt.previous!.exit : Exit.isFailure(exit) && exit.cause.reasons.length > 1 ? Exit.die(\"other\") : exit"
  },
  "what runs behind its reader continues": {
    in: "endIfUnneeded",
    find: "if (flight.pinned) return limitUnattended(self, flight)",
    replace: ""
  },
  "a load gives way when its readers are out of patience": {
    draws: ["hangs"],
    in: "isOutlasted",
    find: "if (!isPatient(patienceOfReader(self, caller.request))) continue",
    replace: "if (caller !== undefined) continue"
  },
  "a reader waits as long as it says": {
    in: "shortened",
    find: "Math.max(0, limit - millis)",
    replace: "(limit + 0 * millis)"
  },
  "what a function throws ends its own read only": {
    in: "answerOrDefect",
    find: "return Exit.die(defect)",
    replace: "return Exit.die((globalThis as any).first ??= defect)"
  },
  "a listener that has thrown is not called again": { in: "isolated", find: "unsubscribe()", replace: "" },
  "the store delays a call by its budget at most": { in: "askNow", find: "budget.leftMillis -= millis", replace: "" },
  "a store fails only strict readers": {
    in: "respond",
    find: "caller.policy.strict && flight.fault !== undefined",
    replace: "flight.fault !== undefined"
  },
  "a call fails with its load only": {
    in: "respond",
    find: "caller.policy.strict && flight.fault !== undefined",
    replace: "flight.fault !== undefined"
  },
  "a cache that waits for a lease asks in time": {
    in: "joinOf",
    find: "waitMillis !== undefined && waitedMillis >= waitMillis",
    replace: "waitMillis !== undefined && waitedMillis >= waitMillis * 1000"
  },
  "only failures that are to be stored are": {
    in: "isStored",
    find: "if (storeFailures === undefined) return when !== undefined",
    replace: "if (storeFailures === undefined) return true"
  },
  "what is not to be stored is not": {
    in: "publish",
    find: "if (entry === undefined || !flight.policy.writes || self.closed) return",
    replace: "if (entry === undefined || self.closed) return"
  },
  "nothing is served past its end": {
    in: "sliding",
    find: "Math.max(entry.expiresAt, Math.min(now + toMillis(options.idle!), entry.softExpiresAt))",
    replace: "now + toMillis(options.idle!) * 1000 + 0 * entry.softExpiresAt"
  },
  "the shortest of the readers' constants holds": {
    in: "adopt",
    find: "createdAt + millis < from ||",
    replace: "(createdAt + millis < from && now - createdAt > 3 * millis) ||"
  },
  "a load renews what is still valid": {
    in: "previousOf",
    find: "engine.time.now(clock) < entry.expiresAt &&",
    replace: "engine.time.now(clock) > 0 &&"
  },
  "a copy is what its option says": {
    draws: ["copies"],
    in: "copyOf",
    find: "copy === \"freeze\" ? freeze",
    replace: "copy === \"freeze\" ? (value) => value"
  },
  "nothing lives longer for a clock that was set back": {
    draws: ["setBack"],
    in: "WallTime",
    find: "this.setBackMillis += Math.ceil(setBack)",
    replace: ""
  },
  "a load that no reader waits for ends": {
    in: "limitUnattended",
    find: "after(flight, self.refreshing.timeoutMillis,",
    replace: "after(flight, 10 * self.refreshing.timeoutMillis + 1000,"
  },
  "a cache that closes starts no load": {
    in: "refusalToWait",
    find: "running === undefined && engine.closed",
    replace: `running === undefined && engine.closed && id === ""`
  },
  "a cache closes in time": { in: "close", find: "}), shutdownMillis )", replace: "}), 1e6 * shutdownMillis )" },
  "memory is bounded": {
    in: "isOver",
    find: "self.weight > self.capacity",
    replace: "self.weight > self.capacity + 1"
  },
  "all that begins ends": {
    in: "refusalToWait",
    find: "around !== undefined && awaited !== undefined && reaches(awaited, around)",
    replace: "around !== undefined && awaited === around && reaches(awaited, around)",
    beside: ["a program ends"]
  },
  "timers end with what they are for": {
    in: "stopTimers",
    find: "for (const timer of caller.timers) timer.interruptUnsafe()",
    replace: ""
  },
  "nothing is left running": {
    draws: ["hangs"],
    in: "end",
    find: "flight.limit?.interruptUnsafe() unregister(self, flight) abandon(self, flight)",
    replace: "flight.limit?.interruptUnsafe(); unregister(self, flight)",
    // Its load has not ended either.
    beside: ["all that begins ends"]
  },
  "a cache at rest works": {
    in: "freeSlot",
    find: "if (running.delete(unit)) takeSlots(self)",
    replace: "if (!running.has(unit)) takeSlots(self)"
  },
  "a program ends": {
    draws: ["decide"],
    in: "answerOrDefect",
    find: `try {
return answer()
} catch (defect) {
return Exit.die(defect)
}`,
    replace: "return answer()"
  },
  "statistics count what happens": {
    in: "tellJoined",
    find: "counters.joined++",
    replace: "counters.joined += 1000"
  },
  "only what is stored leaves pages": {
    in: "remove",
    find: "tier.store.remove(ids)",
    replace: "Effect.succeed(ids.map(() => true))"
  },
  "what is made of a value ends with it": {
    in: "change",
    find: "TagEpochs.idChanged(self.tagEpochs, id)",
    replace: "if (how === \"set\") TagEpochs.idChanged(self.tagEpochs, id)"
  },
  "what is made of values lives no longer": {
    in: "isLimitedByInner",
    find: "inherit === \"life\" || inherit === \"changes\"",
    replace: "inherit === \"life\""
  },
  "what is marked as stale is loaded again": {
    in: "invalidate",
    find: "self.epoch++",
    replace: "self.epoch++\nif (mode === \"soft\") return"
  },
  "a policy that loads always loads": {
    in: "refreshToCome",
    find: "return policy.joins === \"refresh\"",
    replace: "return id === \"\""
  },
  "a read does what its explanation said": {
    draws: ["explains"],
    in: "flightToJoin",
    find: "planToJoin(reader, around) === \"Join\"",
    replace: "reader.engine.flights.has(reader.id)"
  }
}
