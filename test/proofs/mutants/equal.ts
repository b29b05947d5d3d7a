/** Mutants that no test can find, because the program does the same with them. */
export const equal: ReadonlyArray<{ readonly reason: string; readonly mutants: ReadonlyArray<string> }> = [
  {
    reason: "Without the shortcut, `decide` is asked, or is given the time and the dice, and answers the same.",
    mutants: [
      "src/internal/strategy/kind.ts kind: true => false",
      "src/internal/strategy/kind.ts kind: true => false (2)",
      "src/internal/strategy/make.ts make: { value: kind.servesFresh } => {}"
    ]
  },
  {
    reason: "The name of a private property, which is still unlike all others.",
    mutants: [
      `src/internal/strategy/make.ts servesFresh: "~servesFresh" => ""`,
      `src/internal/strategy/make.ts fallsBack: "~fallsBack" => ""`,
      `src/internal/strategy/make.ts constant: "~constant" => ""`
    ]
  },
  {
    reason: "Nothing compares this verdict, so its name is free.",
    mutants: [
      `src/internal/engine/request/answers.ts verdictOf: "Refused" => ""`,
      `src/internal/engine/request/answers.ts verdictOf: "Refused" => "" (2)`,
      `src/internal/engine/flight/outcome.ts servesStale: "Answer" => ""`
    ]
  },
  {
    reason: "Looking in an empty table finds nothing, only later.",
    mutants: [
      "src/internal/engine/request/answers.ts isAnswered: answered.size > 0 => true",
      "src/internal/engine/request/answers.ts isAnswered: answered.size > 0 => answered.size >= 0",
      "src/internal/engine/flight/complete.ts complete: self.ending.size > 0 => self.ending.size >= 0",
      "src/internal/engine/flight/refreshing.ts forgetRefresh: self.refreshing.queue.size === 0 => false"
    ]
  },
  {
    reason: "The context of a reader is extracted again, instead of once a turn.",
    mutants: [
      "src/internal/engine/request/context.ts readContextOf: last !== undefined && last.context === fiber.context => false",
      "src/internal/engine/request/context.ts renew: self.isPrivate => true"
    ]
  },
  {
    reason: "At the border both ways give the same number, and an entry that ends when it did stays where it is.",
    mutants: [
      "src/internal/engine/request/inherit.ts inherited: age <= 0 => age < 0",
      "src/internal/engine/request/sliding.ts slide: moved <= expiresAt => moved < expiresAt",
      "src/internal/engine/request/adopt.ts adopt: createdAt + millis < from => createdAt + millis <= from",
      "src/internal/engine/request/adopt.ts adopt: end === expiresAt => false",
      "src/internal/engine/request/adopt.ts adopt: end > expiresAt => end >= expiresAt",
      "src/internal/engine/request/throttle.ts leftOf: pause.until <= now => pause.until < now"
    ]
  },
  {
    reason: "Without the shortcut, the longer way gives the same answer.",
    mutants: [
      "src/internal/engine/read/validate.ts checkCounting: memoryTtlMillis !== undefined => true",
      "src/internal/engine/memory/memory.ts peek: entry.checkedAt === tags.epoch => false",
      "src/internal/engine/memory/memory.ts left: self.onRemoval !== undefined => true",
      "src/internal/engine/memory/entry.ts Entry: at < madeAt + softAfter && at < madeAt + endsAfter => false",
      "src/internal/engine/memory/entry.ts Entry: this.terms.softAfter !== Infinity || this.terms.endsAfter !== Infinity => true",
      "src/internal/engine/memory/quotas.ts wrap: byCounters.set(counters, quota) => ;",
      "src/internal/engine/memory/quotas.ts wrap: cleared !== undefined => false",
      "src/internal/engine/memory/tagEpochs.ts changedSince: bornAt < self.epoch => bornAt <= self.epoch",
      "src/internal/engine/memory/tagEpochs.ts changedSince: bornAt < self.epoch => true",
      "src/internal/engine/memory/tagEpochs.ts ownSince: bornAt < self.epoch => true",
      "src/internal/engine/read/askStore.ts isCurrent: bornAt === engine.tagEpochs.epoch => false",
      "src/internal/engine/read/read.ts planToJoin: flight.bornAt !== self.tagEpochs.epoch => true",
      `src/internal/engine/request/copy.ts copied: copy === "freeze" && Exit.isExit(answer) … r) && frozen.has(answer.value as object) => false`,
      `src/internal/engine/request/copy.ts copied: "freeze" => ""`,
      "src/internal/engine/request/decide.ts isFreshAt: entry.memoryExpiresAt === undefined && isBeforeDeadlines(entry, now) => false",
      "src/internal/engine/request/rules.ts check: !hasOptions && defaults === noReadDefaults => false",
      "src/internal/engine/request/rules.ts shortened: !isLimited(self, request) => false",
      "src/internal/engine/read/read.ts find: policy !== Policy.standard => true",
      `src/internal/engine/read/read.ts find: typeof key === "string" && key[0] !== "~" => false`,
      `src/internal/engine/read/read.ts find: "string" => ""`,
      "src/internal/engine/read/read.ts find: constant !== undefined && !request.isConstant(constant) => true",
      "src/internal/engine/read/read.ts find: constant !== undefined && !request.isConstant(constant) => constant !== undefined || !request.isConstant(constant)",
      "src/internal/engine/read/read.ts find: constant !== undefined => true",
      "src/internal/engine/read/read.ts find: !(request.servesFresh && memoryExpiresAt … efined && isBeforeDeadlines(entry, now)) => true",
      "src/internal/engine/read/read.ts find: request.servesFresh && memoryExpiresAt = … defined && isBeforeDeadlines(entry, now) => false",
      "src/internal/engine/read/read.ts find: self.hitsHaveEffects || policy !== Policy.standard || sameIds.exist => true",
      "src/internal/engine/read/read.ts find: sameIds.exist => true",
      "src/internal/engine/read/read.ts find: policy.detector !== undefined => true",
      "src/internal/engine/lease/acquireLease.ts acquireLease: Pending.isPending(tier.pending, flight.id) => false",
      "src/internal/engine/flight/flightsById.ts FlightIndex: newest.id !== flight.id => true",
      "src/internal/engine/flight/callers.ts interruptible: caller.since !== undefined => true"
    ]
  },
  {
    reason: "What is looked for or asked once more says what it said.",
    mutants: [
      "src/internal/engine/request/context.ts renew: self.lastReadContext === undefined => true",
      "src/internal/engine/request/rules.ts plainRules: false => true"
    ]
  },
  {
    reason: "A scheduled task forgets the context twice.",
    mutants: [
      "src/internal/engine/request/context.ts renew: self.lastReadContext === undefined => true (2)"
    ]
  },
  {
    reason: "Names a fiber that never fails.",
    mutants: [
      `src/internal/engine/read/askStore.ts startTimer: "limits the time of questions to the store" => ""`
    ]
  },
  {
    reason: "The fiber of a reader that has left, or has been answered, has lost its context: it cannot be served.",
    mutants: [
      "src/internal/engine/read/askStore.ts conclude: isGone => false",
      "src/internal/engine/read/askStore.ts received: question.isAnswered => false",
      "src/internal/engine/read/askStore.ts conclude: true => false",
      "src/internal/engine/read/askStore.ts endQuestions: !question.isAnswered => true"
    ]
  },
  {
    reason: "A second timer finds that the first has ended the questions.",
    mutants: [
      "src/internal/engine/read/askStore.ts begin: !questions.isTimed => true",
      "src/internal/engine/read/askStore.ts startTimer: true => false"
    ]
  },
  {
    reason:
      "What is always there needs no question mark: the lease of a stub with a generation, the marker of each tag.",
    mutants: [
      "src/internal/engine/lease/wave.ts releaseLeases: lease?.hasLease => lease.hasLease",
      "src/internal/engine/lease/acquireLease.ts isGood: markers?.markers[declared.indexOf(tag)]?.version => markers?.markers[declared.indexOf(tag)].version"
    ]
  },
  {
    reason: "Nothing uses it: it is filtered, overwritten, collected in vain, or asked for in addition.",
    mutants: [
      `src/internal/engine/lease/wave.ts stopIfDone: [] => ["Stryker was here"]`,
      "src/internal/engine/lease/wave.ts makeWave: false => true",
      "src/internal/engine/lease/wave.ts grantOf: true => false",
      `src/internal/engine/lease/commitAfter.ts commitAfter: [] => ["Stryker was here"]`,
      `src/internal/engine/lease/acquireLease.ts reviveAcquired: [] => ["Stryker was here"]`,
      "src/internal/engine/lease/statements.ts toStored: now + leaseMillis => now - leaseMillis",
      "src/internal/engine/lease/loadThroughStore.ts prepare: self.listeners.events !== undefined => true",
      "src/internal/engine/flight/callers.ts CallerEffect: false => true",
      "src/internal/engine/flight/callers.ts respond: removeEdge(caller.within, flight) => ;"
    ]
  },
  {
    reason: "What is not stopped at once finds at its next turn that nothing is left to do.",
    mutants: [
      "src/internal/engine/lease/wave.ts Renewed: { this.end() stopIfDone(this.wave) } => {}",
      "src/internal/engine/lease/leaseWaits.ts waitForLease: stopTimer(self) => ;"
    ]
  },
  {
    reason: "One after the other, all are awaited as well.",
    mutants: [
      `src/internal/engine/flight/waitUntil.ts keepAlive: "unbounded" => ""`
    ]
  }
]
