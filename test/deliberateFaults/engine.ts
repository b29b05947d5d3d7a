/** Deliberate faults that seeded schedules of one engine find. */
import type { Fault } from "./fault.ts"

export const faults: ReadonlyArray<Fault> = [
  {
    name: "a reader waits for an answer that may be older than it",
    draws: ["callbacks"],
    in: "isCurrent",
    find: "!Watches.hasChanged(engine, { since }, id) &&",
    replace: "",
    also: [{
      in: "conclude",
      find: "const isUnknown = Watches.hasChanged(self, question, id)",
      replace: "const isUnknown = false"
    }]
  },
  {
    name: "a question that is not answered is waited for",
    draws: ["callbacks"],
    in: "startTimer",
    find: "conclude(self, question, failed(self, question, faultWith(tier!, \"Timeout\")))",
    replace: "questions.open.delete(question)"
  },
  {
    name: "a batch answers for the wrong key",
    sought: "always",
    in: "beginCall",
    find: "Exit.isFailure(exits) ? exits : exits.value[place]!",
    replace: "Exit.isFailure(exits) ? exits : exits.value[exits.value.length - 1 - place]!"
  },
  {
    name: "a batch forgets a withdrawn call",
    in: "leaveCall",
    find: "call.fiber?.interruptUnsafe()",
    replace: ""
  },
  {
    name: "a closed cache loads",
    in: "refusalToWait",
    find: "running === undefined && engine.closed",
    replace: `running === undefined && engine.closed && id === ""`
  },
  {
    name: "a load gives way to its hasty readers, although a patient one waits",
    draws: ["hangs"],
    in: "isOutlasted",
    find: "if (!isPatient(patienceOfReader(self, caller.request))) continue",
    replace: "if (caller !== undefined) continue"
  },
  {
    name: "a load that runs again interrupts its callers",
    draws: ["hangs"],
    in: "end",
    find: "if (gaveWay && mayRunAgain(self, flight)) return runAgain(self, flight)",
    replace: ""
  },
  {
    name: "the next attempt of a load begins beside the one that hangs",
    draws: ["hangs"],
    in: "restartIfOutlasted",
    find: "flight.fiber!.interruptUnsafe()",
    replace: "self.work.again(self, flight)"
  },
  {
    name: "a load that has been replaced while it gave way runs beside the one in its place",
    draws: ["hangs"],
    in: "end",
    find: "if (gaveWay) moveToCurrent(self, flight)",
    replace: ""
  },
  {
    name: "entries live longer if the wall clock is set back",
    draws: ["setBack"],
    in: "WallTime",
    find: "if (setBack > clocks.slewMillis)",
    replace: "if (setBack === -1)"
  },
  {
    name: "a failed condition replaces the value",
    in: "set",
    find: "if (!holdsInMemory(self, id, condition, now)) return false",
    replace: "if (!holdsInMemory(self, id, condition, now)) put(self, entry)"
  },
  {
    name: "a leaving caller interrupts a pinned flight",
    in: "endIfUnneeded",
    find: "if (flight.pinned) return limitUnattended(self, flight)",
    replace: ""
  },
  {
    name: "a leaving caller interrupts the others",
    sought: "always",
    in: "endIfUnneeded",
    find: "if (flight.callers.size > 0 || flight.exit !== undefined) return",
    replace: "if (flight.exit !== undefined) return"
  },
  {
    name: "a pattern forgets what runs",
    in: "allHere",
    find: `const others = new Set(self.flights.all().map(({ id }) => id))
      for (const id of self.storeTier?.unanswered ?? []) others.add(id)`,
    replace: "const others = new Set<string>()"
  },
  {
    name: "a read only load is stored",
    in: "publish",
    find: "if (entry === undefined || !flight.policy.writes || self.closed) return",
    replace: "if (entry === undefined || self.closed) return"
  },
  {
    name: "a refused value fills memory",
    in: "committed",
    find: `if (!accepted) {
  flight.storable = false
  return
}`,
    replace: "if (!accepted) return"
  },
  {
    name: "a soft tag counts as nothing",
    in: "invalidate",
    find: "self.epoch++",
    replace: `self.epoch++
if (mode === "soft") return`
  },
  {
    name: "a soft tag is not looked at in the store",
    in: "validityOf",
    find: `validity = "soft"`,
    replace: `validity = "valid"`
  },
  {
    name: "a softened load is joined",
    in: "movedSince",
    find: "changedSince(self, tags, bornAt) || softenedSince(self, tags, bornAt)",
    replace: "changedSince(self, tags, bornAt)"
  },
  {
    name: "acknowledged before the answer",
    in: "acknowledged",
    find: "const budget = given ?? budgetOf(tier, policy)",
    replace: `const budget = given ?? budgetOf(tier, policy)
for (const item of items) Pending.acknowledge(pending, item)`
  },
  {
    name: "annotated tags are ignored",
    in: "tagsOf",
    find: "const more = annotations?.tags ?? (renewed ? previous!.tags : undefined)",
    replace: "const more = annotations?.ttl === null ? annotations.tags : (renewed ? previous!.tags : undefined)"
  },
  {
    name: "annotated ttls are ignored",
    in: "annotated",
    find: `if (lifetime === "skip" || annotations === undefined) return lifetime`,
    replace: `if (lifetime === "skip" || annotations !== null) return lifetime`
  },
  {
    name: "born at the end of the load",
    in: "entryOf",
    find: "bornAt: landing?.bornAt ?? flight.bornAt,",
    replace: "bornAt: self.tagEpochs.epoch,"
  },
  {
    name: "checked before it was",
    in: "termsOf",
    find: "checkedAt: bornAt",
    replace: "checkedAt: bornAt + 1"
  },
  {
    name: "clear does not detach",
    in: "forgetAll",
    find: "for (const { id } of self.flights.all()) detachBegun(self, id, \"hard\")",
    replace: ""
  },
  {
    name: "closing waits for no fiber",
    in: "close",
    find: "if (flight.callers.size === 0 && !flight.isBehind) end(self, flight)",
    replace: "end(self, flight)"
  },
  {
    name: "conditions are ignored",
    in: "holdsFor",
    find: "return !isLive",
    replace: `return !isLive || condition._tag === "IfAbsent"`
  },
  {
    name: "cycles are not seen",
    in: "refusalToWait",
    find: "around !== undefined && awaited !== undefined && reaches(awaited, around)",
    replace: "around !== undefined && awaited === around && reaches(awaited, around)"
  },
  {
    name: "defects and interruptions are cached",
    sought: "always",
    in: "isCacheable",
    find: "cause.reasons.length === 1 && Cause.hasFails(cause)",
    replace: "cause.reasons.length > 0"
  },
  {
    name: "pending invalidations of ids are ignored",
    in: "isPending",
    find: "self.all !== undefined || (self.ids.size > 0 && self.ids.has(id))",
    replace: "self.all !== undefined && self.ids.has(id)"
  },
  {
    name: "pending invalidations of tags are ignored",
    in: "areTagsPending",
    find: "self.tags.size > 0 && tags.some((tag) => self.tags.has(tag))",
    replace: "self.tags.size < 0 && tags.some((tag) => self.tags.has(tag))"
  },
  {
    name: "eviction ignores the capacity",
    in: "isOver",
    find: "self.weight > self.capacity",
    replace: "self.weight > self.capacity + 1"
  },
  {
    name: "invalidate does not detach",
    sought: "always",
    in: "change",
    find: "else detachBegun(self, id, how)",
    replace: "else if (how === \"soft\") detachBegun(self, id, how)"
  },
  {
    name: "joins what is older than a tag",
    in: "planToJoin",
    find: "flight.bornAt !== self.tagEpochs.epoch && (",
    replace: "flight.bornAt > self.tagEpochs.epoch && ("
  },
  {
    name: "resuming callers nests",
    in: "workInline",
    find: "if (self.work.isWorking || self.work.ended.size > 1) return",
    replace: "",
    also: [{ in: "work", find: "if (work.isWorking) return", replace: "" }]
  },
  {
    name: "late tags need no proof",
    in: "versionsToWrite",
    find: "if (marker === undefined || (place < 0 && marker.seq > before.seq)) return undefined",
    replace: "if (marker === undefined) return undefined"
  },
  {
    name: "limits start again",
    in: "shortened",
    find: "Math.max(0, limit - millis)",
    replace: "(limit + 0 * millis)"
  },
  {
    name: "notModified renews what has expired",
    in: "previousOf",
    find: "engine.time.now(clock) < entry.expiresAt &&",
    replace: "engine.time.now(clock) > 0 &&"
  },
  {
    name: "notModified renews what was invalidated",
    in: "previousOf",
    find: `isStorable(engine, flight) && entry !== undefined && entry.outcome === "success" &&`,
    replace: `entry !== undefined && entry.outcome === "success" &&`
  },
  {
    name: "others join a load under read only",
    in: "register",
    find: "if (policy.writes && !isBehind) {",
    replace: "if ((policy.writes || policy.readsEntries) && !isBehind) {"
  },
  {
    name: "commit is not guarded",
    in: "commit",
    find: "if (!self.leases.isCurrent(id, generation, now)) return false",
    replace: ""
  },
  {
    name: "refresh is merged with any load",
    in: "refreshToCome",
    find: `return policy.joins === "refresh"`,
    replace: `return id === ""`
  },
  {
    name: "refresh retries rewrite causes",
    in: "retried",
    find: "return Effect.flatMap(Effect.exit(Effect.retry(noted, schedule)), (): Effect.Effect<A, unknown> => last!)",
    replace: `return Effect.retry(
  Effect.onExit(Effect.scoped(once), (exit) => Effect.sync(() => void (last = exit))),
  schedule
)`
  },
  { name: "refreshes have no limit", in: "start", find: "limitUnattended(self, flight)", replace: "" },
  {
    name: "refreshes run twice",
    sought: "always",
    in: "enqueue",
    find: "if (running !== undefined) return askedAgain(self, running)",
    replace: ""
  },
  {
    name: "retired after the interruption",
    in: "endIfUnneeded",
    find: "unregister(self, flight)",
    replace: "true",
    also: [{
      in: "endIfUnneeded",
      find: "abandon(self, flight)",
      replace: `abandon(self, flight)
unregister(self, flight)`
    }]
  },
  {
    name: "set does not detach",
    in: "change",
    find: "if (how === \"set\") detach(self, id)",
    replace: "if (how === \"set\") {}"
  },
  {
    name: "shows late tagged results to later readers",
    in: "mustReadAgain",
    find: "caller.joinedAt > caller.flight.bornAt && isOlder",
    replace: "caller.joinedAt < caller.flight.bornAt && isOlder"
  },
  {
    name: "sliding never expires",
    in: "sliding",
    find: "Math.max(entry.expiresAt, Math.min(now + toMillis(options.idle!), entry.softExpiresAt))",
    replace: "now + toMillis(options.idle!) * 1000 + 0 * entry.softExpiresAt"
  },
  {
    name: "sliding passes its ttl",
    in: "sliding",
    find: "Math.max(entry.expiresAt, Math.min(now + toMillis(options.idle!), entry.softExpiresAt))",
    replace: "Math.max(entry.expiresAt, now + toMillis(options.idle!))"
  },
  {
    name: "stale is served past its ttl",
    in: "softTtl",
    find:
      "decide: (_, entry, now) => isGone(entry, now) ? \"Load\" : now < (entry as Timing).softExpiresAt ? \"Serve\" : \"LoadOrStale\",",
    replace:
      "decide: (_, entry, now) => entry === undefined ? \"Load\" : now < (entry as Timing).softExpiresAt ? \"Serve\" : \"LoadOrStale\","
  },
  {
    name: "tags are not compared in the store",
    in: "validityOf",
    find: "if (now === version) continue",
    replace: "if (now !== undefined) continue"
  },
  {
    name: "the store budget is per step",
    sought: "always",
    in: "askNow",
    find: "budget.leftMillis -= millis",
    replace: ""
  },
  {
    name: "a shorter constant limits nothing",
    in: "adopt",
    find: "createdAt + millis < from ||",
    replace: ""
  },
  {
    name: "timers are not stopped",
    in: "stopTimers",
    find: "for (const timer of caller.timers) timer.interruptUnsafe()",
    replace: ""
  },
  {
    name: "touch revives what memory had",
    in: "moveDeadlines",
    find: "if (copy !== undefined && now < copy.expiresAt)",
    replace: "if (copy !== undefined && now < Infinity)"
  },
  {
    name: "unchanged means present",
    in: "holdsFor",
    find: "return isLive && writeId === condition.writeId",
    replace: `return isLive && condition.writeId !== ""`
  },
  {
    name: "callers are not cleared",
    sought: "always",
    in: "CallerList",
    find: "this.delete(caller)",
    replace: "",
    also: [{ in: "endNext", find: "flight.callers.clear()", replace: "" }]
  },
  {
    name: "what is softened is served by any strategy",
    in: "decideAt",
    find: "? decideSoftened(request, entry, now, random())",
    replace: "? request.strategy.decide(entry, now, random)"
  },
  {
    name: "a refresh joins an older one",
    in: "isToCome",
    find: `flight.storable && flight.phase !== "Ended" && !hasBegun(flight)`,
    replace: `flight.storable && flight.phase !== "Ended"`
  },
  {
    name: "an abandoned load is not waited for",
    in: "endIfUnneeded",
    find: "if (wasJoinable && hasBegun(flight) && !isEnding && !isInterruptible(fiberOf(flight))) hold(self, flight)",
    replace: ""
  },
  {
    name: "decide is not guarded",
    in: "answerOrDefect",
    find: `try {
return answer()
} catch (defect) {
return Exit.die(defect)
}`,
    replace: "return answer()"
  },
  {
    name: "a slot is not given back",
    in: "freeSlot",
    find: "if (running.delete(unit)) takeSlots(self)",
    replace: "if (!running.has(unit)) takeSlots(self)"
  },
  {
    name: "an invalidation of tags leaves its keys out",
    in: "invalidateTargets",
    find: "if (ids.length > 0) parts.push",
    replace: "if (ids.length > 0 && tags.length === 0) parts.push"
  },
  {
    name: "a stream is stored without its last page",
    in: "manifestFor",
    find: "log.run, log.count, log.bytes",
    replace: "log.run, Math.max(0, log.count - 1), log.bytes",
    draws: ["streams"]
  },
  {
    name: "a look-up of many keys gives the value of another one",
    draws: ["several"],
    in: "completeWave",
    find: "const answer = found[i]",
    replace: "const answer = found[found.length - 1 - i]"
  },
  {
    name: "what had ended counts as removed",
    draws: ["several"],
    in: "forgetMany",
    find: "now < (Memory.peek(self.memory, self.tagEpochs, id)?.expiresAt ?? -Infinity)",
    replace: "self.memory.entries.get(id) !== undefined"
  },
  {
    name: "a set that another one has replaced leaves what was there before both",
    // About one schedule of 6,000 finds it.
    sought: "by hand",
    draws: ["several"],
    in: "currentOf",
    find: "Pending.markUnsent(pending, item)",
    replace: ""
  },
  {
    name: "a policy inside a load counts for nothing",
    draws: ["mixedPolicies"],
    in: "policyOf",
    find: "within !== undefined && current === Policy.standard",
    replace: "within !== undefined && !current.bypass && !current.strict"
  },
  {
    name: "what reads nothing joins what loads",
    draws: ["mixedPolicies"],
    in: "disabling",
    find: `readsEntries: false, joins: "none"`,
    replace: "readsEntries: false"
  },
  {
    name: "callers get what a load may change while it is written",
    draws: ["copies"],
    in: "endLoad",
    find: "flight.entry?.exit ?? outcome",
    replace: "outcome"
  },
  {
    name: "readers of many get what a load may change while other keys load",
    draws: ["copies"],
    in: "complete",
    find: "flight.exit = flight.entry?.exit ?? exit",
    replace: ""
  },
  {
    name: "what a load has made is stored as it is, and not copied",
    draws: ["copies"],
    in: "kept",
    find: "Exit.map(exit, copyOf(copy, request.key))",
    replace: "exit"
  },
  {
    name: "a transaction does not read what it has set itself",
    draws: ["transacts"],
    in: "setNow",
    find: "Entries.put(self.own, entry, now)",
    replace: ""
  },
  {
    name: "what a savepoint has set is lost where it ends well",
    draws: ["transacts"],
    in: "nested",
    find: "return merge(overlay, parent, parent.root.base.time.now(clock))",
    replace: "return Effect.void"
  },
  {
    name: "others read what a transaction has set before its commit",
    draws: ["transacts"],
    in: "setNow",
    find: "Entries.put(self.own, entry, now)",
    replace:
      "Entries.put(self.own, entry, now); Entries.put(self.root.base, copyOf(entry, { bornAt: self.root.base.tagEpochs.epoch }), now)"
  },
  {
    name: "a class takes more of memory than its quota",
    draws: ["quotas"],
    in: "wrap",
    find: "makeRoom(self, quota, () =>",
    replace: "void (() =>"
  },
  {
    name: "an explanation joins a load that reads do not join",
    draws: ["explains"],
    in: "flightToJoin",
    find: "planToJoin(reader, around) === \"Join\"",
    replace: "reader.engine.flights.has(reader.id)"
  },
  {
    name: "an explanation says that a closed cache loads",
    draws: ["explains"],
    in: "loaded",
    find: "refusalToWait(situation, within?.flight, flight) !== undefined",
    replace: "!engine.closed && refusalToWait(situation, within?.flight, flight) !== undefined"
  }
]
