/** Deliberate faults that seeded schedules of one engine find. */
import { type Fault, faultsOf } from "./fault.ts"

export const faults: ReadonlyArray<Fault> = faultsOf([
  [
    "a reader waits for an answer that may be older than it",
    "isCurrent",
    "!Watches.hasChanged(engine, { since }, id) &&",
    "",
    {
      draws: ["callbacks"],
      also: [{
        in: "conclude",
        find: "const isUnknown = Watches.hasChanged(self, question, id)",
        replace: "const isUnknown = false"
      }]
    }
  ],
  [
    "a question that is not answered is waited for",
    "startTimer",
    "conclude(self, question, failed(self, question, faultWith(tier!, \"Timeout\")))",
    "questions.open.delete(question)",
    { draws: ["callbacks"] }
  ],
  [
    "a batch answers for the wrong key",
    "beginCall",
    "Exit.isFailure(exits) ? exits : exits.value[place]!",
    "Exit.isFailure(exits) ? exits : exits.value[exits.value.length - 1 - place]!",
    { sought: "always" }
  ],
  ["a batch forgets a withdrawn call", "leaveCall", "call.fiber?.interruptUnsafe()", ""],
  [
    "a closed cache loads",
    "refusalToWait",
    "running === undefined && engine.closed",
    `running === undefined && engine.closed && id === ""`
  ],
  [
    "a load gives way to its hasty readers, although a patient one waits",
    "isOutlasted",
    "if (!isPatient(patienceOfReader(self, caller.request))) continue",
    "if (caller !== undefined) continue",
    { draws: ["hangs"] }
  ],
  [
    "a load that runs again interrupts its callers",
    "end",
    "if (gaveWay && mayRunAgain(self, flight)) return runAgain(self, flight)",
    "",
    { draws: ["hangs"] }
  ],
  [
    "the next attempt of a load begins beside the one that hangs",
    "restartIfOutlasted",
    "flight.fiber!.interruptUnsafe()",
    "self.work.again(self, flight)",
    { draws: ["hangs"] }
  ],
  [
    "a load that has been replaced while it gave way runs beside the one in its place",
    "end",
    "if (gaveWay) moveToCurrent(self, flight)",
    "",
    { draws: ["hangs"] }
  ],
  [
    "entries live longer if the wall clock is set back",
    "WallTime",
    "if (setBack > clocks.slewMillis)",
    "if (setBack === -1)",
    { draws: ["setBack"] }
  ],
  [
    "a failed condition replaces the value",
    "set",
    "if (!holdsInMemory(self, id, condition, now)) return false",
    "if (!holdsInMemory(self, id, condition, now)) put(self, entry)"
  ],
  [
    "a leaving caller interrupts a pinned flight",
    "endIfUnneeded",
    "if (flight.pinned) return limitUnattended(self, flight)",
    ""
  ],
  [
    "a leaving caller interrupts the others",
    "endIfUnneeded",
    "if (flight.callers.size > 0 || flight.exit !== undefined) return",
    "if (flight.exit !== undefined) return",
    { sought: "always" }
  ],
  [
    "a pattern forgets what runs",
    "allHere",
    `const others = new Set(self.flights.all().map(({ id }) => id))
      for (const id of self.storeTier?.unanswered ?? []) others.add(id)`,
    "const others = new Set<string>()"
  ],
  [
    "a read only load is stored",
    "publish",
    "if (entry === undefined || !flight.policy.writes || self.closed) return",
    "if (entry === undefined || self.closed) return"
  ],
  [
    "a refused value fills memory",
    "committed",
    `if (!accepted) {
  flight.storable = false
  return
}`,
    "if (!accepted) return"
  ],
  [
    "a soft tag counts as nothing",
    "invalidate",
    "self.epoch++",
    `self.epoch++
if (mode === "soft") return`
  ],
  ["a soft tag is not looked at in the store", "validityOf", `validity = "soft"`, `validity = "valid"`],
  [
    "a softened load is joined",
    "movedSince",
    "changedSince(self, tags, bornAt) || softenedSince(self, tags, bornAt)",
    "changedSince(self, tags, bornAt)"
  ],
  [
    "acknowledged before the answer",
    "acknowledged",
    "const budget = given ?? budgetOf(tier, policy)",
    `const budget = given ?? budgetOf(tier, policy)
for (const item of items) Pending.acknowledge(pending, item)`
  ],
  [
    "annotated tags are ignored",
    "tagsOf",
    "const more = annotations?.tags ?? (renewed ? previous!.tags : undefined)",
    "const more = annotations?.ttl === null ? annotations.tags : (renewed ? previous!.tags : undefined)"
  ],
  [
    "annotated ttls are ignored",
    "annotated",
    `if (lifetime === "skip" || annotations === undefined) return lifetime`,
    `if (lifetime === "skip" || annotations !== null) return lifetime`
  ],
  [
    "born at the end of the load",
    "entryOf",
    "bornAt: landing?.bornAt ?? flight.bornAt,",
    "bornAt: self.tagEpochs.epoch,"
  ],
  ["checked before it was", "termsOf", "checkedAt: bornAt", "checkedAt: bornAt + 1"],
  [
    "clear does not detach",
    "forgetAll",
    "for (const { id } of self.flights.all()) detachBegun(self, id, \"hard\")",
    ""
  ],
  [
    "closing waits for no fiber",
    "close",
    "if (flight.callers.size === 0 && !flight.isBehind) end(self, flight)",
    "end(self, flight)"
  ],
  ["conditions are ignored", "holdsFor", "return !isLive", `return !isLive || condition._tag === "IfAbsent"`],
  [
    "cycles are not seen",
    "refusalToWait",
    "around !== undefined && awaited !== undefined && reaches(awaited, around)",
    "around !== undefined && awaited === around && reaches(awaited, around)"
  ],
  [
    "defects and interruptions are cached",
    "isCacheable",
    "cause.reasons.length === 1 && Cause.hasFails(cause)",
    "cause.reasons.length > 0",
    { sought: "always" }
  ],
  [
    "pending invalidations of ids are ignored",
    "isPending",
    "self.all !== undefined || (self.ids.size > 0 && self.ids.has(id))",
    "self.all !== undefined && self.ids.has(id)"
  ],
  [
    "pending invalidations of tags are ignored",
    "areTagsPending",
    "self.tags.size > 0 && tags.some((tag) => self.tags.has(tag))",
    "self.tags.size < 0 && tags.some((tag) => self.tags.has(tag))"
  ],
  ["eviction ignores the capacity", "isOver", "self.weight > self.capacity", "self.weight > self.capacity + 1"],
  [
    "invalidate does not detach",
    "change",
    "else detachBegun(self, id, how)",
    "else if (how === \"soft\") detachBegun(self, id, how)",
    { sought: "always" }
  ],
  [
    "joins what is older than a tag",
    "planToJoin",
    "flight.bornAt !== self.tagEpochs.epoch && (",
    "flight.bornAt > self.tagEpochs.epoch && ("
  ],
  ["resuming callers nests", "workInline", "if (self.work.isWorking || self.work.ended.size > 1) return", "", {
    also: [{ in: "work", find: "if (work.isWorking) return", replace: "" }]
  }],
  [
    "late tags need no proof",
    "versionsToWrite",
    "if (marker === undefined || (place < 0 && marker.seq > before.seq)) return undefined",
    "if (marker === undefined) return undefined"
  ],
  ["limits start again", "shortened", "Math.max(0, limit - millis)", "(limit + 0 * millis)"],
  [
    "notModified renews what has expired",
    "previousOf",
    "engine.time.now(clock) < entry.expiresAt &&",
    "engine.time.now(clock) > 0 &&"
  ],
  [
    "notModified renews what was invalidated",
    "previousOf",
    `isStorable(engine, flight) && entry !== undefined && entry.outcome === "success" &&`,
    `entry !== undefined && entry.outcome === "success" &&`
  ],
  [
    "others join a load under read only",
    "register",
    "if (policy.writes && !isBehind) {",
    "if ((policy.writes || policy.readsEntries) && !isBehind) {"
  ],
  ["commit is not guarded", "commit", "if (!self.leases.isCurrent(id, generation, now)) return false", ""],
  ["refresh is merged with any load", "refreshToCome", `return policy.joins === "refresh"`, `return id === ""`],
  [
    "refresh retries rewrite causes",
    "retried",
    "return Effect.flatMap(Effect.exit(Effect.retry(noted, schedule)), (): Effect.Effect<A, unknown> => last!)",
    `return Effect.retry(
  Effect.onExit(Effect.scoped(once), (exit) => Effect.sync(() => void (last = exit))),
  schedule
)`
  ],
  ["refreshes have no limit", "start", "limitUnattended(self, flight)", ""],
  ["refreshes run twice", "enqueue", "if (running !== undefined) return askedAgain(self, running)", "", {
    sought: "always"
  }],
  ["retired after the interruption", "endIfUnneeded", "unregister(self, flight)", "true", {
    also: [{
      in: "endIfUnneeded",
      find: "abandon(self, flight)",
      replace: `abandon(self, flight)
unregister(self, flight)`
    }]
  }],
  ["set does not detach", "change", "if (how === \"set\") detach(self, id)", "if (how === \"set\") {}"],
  [
    "shows late tagged results to later readers",
    "mustReadAgain",
    "caller.joinedAt > caller.flight.bornAt && isOlder",
    "caller.joinedAt < caller.flight.bornAt && isOlder"
  ],
  [
    "sliding never expires",
    "sliding",
    "Math.max(entry.expiresAt, Math.min(now + toMillis(options.idle!), entry.softExpiresAt))",
    "now + toMillis(options.idle!) * 1000 + 0 * entry.softExpiresAt"
  ],
  [
    "sliding passes its ttl",
    "sliding",
    "Math.max(entry.expiresAt, Math.min(now + toMillis(options.idle!), entry.softExpiresAt))",
    "Math.max(entry.expiresAt, now + toMillis(options.idle!))"
  ],
  [
    "stale is served past its ttl",
    "softTtl",
    "decide: (_, entry, now) => isGone(entry, now) ? \"Load\" : now < (entry as Timing).softExpiresAt ? \"Serve\" : \"LoadOrStale\",",
    "decide: (_, entry, now) => entry === undefined ? \"Load\" : now < (entry as Timing).softExpiresAt ? \"Serve\" : \"LoadOrStale\","
  ],
  [
    "tags are not compared in the store",
    "validityOf",
    "if (now === version) continue",
    "if (now !== undefined) continue"
  ],
  ["the store budget is per step", "askNow", "budget.leftMillis -= millis", "", { sought: "always" }],
  ["a shorter constant limits nothing", "adopt", "createdAt + millis < from ||", ""],
  ["timers are not stopped", "stopTimers", "for (const timer of caller.timers) timer.interruptUnsafe()", ""],
  [
    "touch revives what memory had",
    "moveDeadlines",
    "if (copy !== undefined && now < copy.expiresAt)",
    "if (copy !== undefined && now < Infinity)"
  ],
  [
    "unchanged means present",
    "holdsFor",
    "return isLive && writeId === condition.writeId",
    `return isLive && condition.writeId !== ""`
  ],
  ["callers are not cleared", "CallerList", "this.delete(caller)", "", {
    sought: "always",
    also: [{ in: "endNext", find: "flight.callers.clear()", replace: "" }]
  }],
  [
    "what is softened is served by any strategy",
    "decideAt",
    "? decideSoftened(request, entry, now, random())",
    "? request.strategy.decide(entry, now, random)"
  ],
  [
    "a refresh joins an older one",
    "isToCome",
    `flight.storable && flight.phase !== "Ended" && !hasBegun(flight)`,
    `flight.storable && flight.phase !== "Ended"`
  ],
  [
    "an abandoned load is not waited for",
    "endIfUnneeded",
    "if (wasJoinable && hasBegun(flight) && !isEnding && !isInterruptible(fiberOf(flight))) hold(self, flight)",
    ""
  ],
  [
    "decide is not guarded",
    "answerOrDefect",
    `try {
return answer()
} catch (defect) {
return Exit.die(defect)
}`,
    "return answer()"
  ],
  [
    "a slot is not given back",
    "freeSlot",
    "if (running.delete(unit)) takeSlots(self)",
    "if (!running.has(unit)) takeSlots(self)"
  ],
  [
    "an invalidation of tags leaves its keys out",
    "invalidateTargets",
    "if (ids.length > 0) parts.push",
    "if (ids.length > 0 && tags.length === 0) parts.push"
  ],
  [
    "a stream is stored without its last page",
    "manifestFor",
    "log.run, log.count, log.bytes",
    "log.run, Math.max(0, log.count - 1), log.bytes",
    { draws: ["streams"] }
  ],
  [
    "a look-up of many keys gives the value of another one",
    "completeWave",
    "const answer = found[i]",
    "const answer = found[found.length - 1 - i]",
    { draws: ["several"] }
  ],
  [
    "what had ended counts as removed",
    "forgetMany",
    "now < (Memory.peek(self.memory, self.tagEpochs, id)?.expiresAt ?? -Infinity)",
    "self.memory.entries.get(id) !== undefined",
    { draws: ["several"] }
  ],
  // About one schedule of 6,000 finds it.
  [
    "a set that another one has replaced leaves what was there before both",
    "currentOf",
    "Pending.markUnsent(pending, item)",
    "",
    { sought: "by hand", draws: ["several"] }
  ],
  [
    "a policy inside a load counts for nothing",
    "policyOf",
    "within !== undefined && current === Policy.standard",
    "within !== undefined && !current.bypass && !current.strict",
    { draws: ["mixedPolicies"] }
  ],
  ["what reads nothing joins what loads", "disabling", `readsEntries: false, joins: "none"`, "readsEntries: false", {
    draws: ["mixedPolicies"]
  }],
  ["callers get what a load may change while it is written", "endLoad", "flight.entry?.exit ?? outcome", "outcome", {
    draws: ["copies"]
  }],
  [
    "readers of many get what a load may change while other keys load",
    "complete",
    "flight.exit = flight.entry?.exit ?? exit",
    "",
    { draws: ["copies"] }
  ],
  [
    "what a load has made is stored as it is, and not copied",
    "kept",
    "Exit.map(exit, copyOf(copy, request.key))",
    "exit",
    { draws: ["copies"] }
  ],
  ["a transaction does not read what it has set itself", "setNow", "Entries.put(self.own, entry, now)", "", {
    draws: ["transacts"]
  }],
  [
    "what a savepoint has set is lost where it ends well",
    "nested",
    "return merge(overlay, parent, parent.root.base.time.now(clock))",
    "return Effect.void",
    { draws: ["transacts"] }
  ],
  [
    "others read what a transaction has set before its commit",
    "setNow",
    "Entries.put(self.own, entry, now)",
    "Entries.put(self.own, entry, now); Entries.put(self.root.base, copyOf(entry, { bornAt: self.root.base.tagEpochs.epoch }), now)",
    { draws: ["transacts"] }
  ],
  ["a class takes more of memory than its quota", "wrap", "makeRoom(self, quota, () =>", "void (() =>", {
    draws: ["quotas"]
  }],
  [
    "an explanation joins a load that reads do not join",
    "flightToJoin",
    "planToJoin(reader, around) === \"Join\"",
    "reader.engine.flights.has(reader.id)",
    { draws: ["explains"] }
  ],
  [
    "an explanation says that a closed cache loads",
    "loaded",
    "refusalToWait(situation, within?.flight, flight) !== undefined",
    "!engine.closed && refusalToWait(situation, within?.flight, flight) !== undefined",
    { draws: ["explains"] }
  ]
])
