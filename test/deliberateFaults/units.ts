/**
 * Deliberate faults that one file of the tests finds, each a file about the unit that has it: schedules see no order, no
 * bound and no question that is asked too often.
 */
import * as derived from "./derived.ts"
import type { Fault } from "./fault.ts"
import * as guards from "./guards.ts"

export interface UnitFault extends Fault {
  /** the file whose tests find it */
  readonly by: string
}

const flight = "test/internal/engine/flight"
const storeTier = "test/internal/engine/storeTier"
const withinOneStep = "test/internal/engine/withinOneStep.test.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "an entry outlives what was loaded for it",
    in: "recordLoaded",
    find: "isLimitedByInner(within.flight)",
    replace: "false",
    by: "test/cached/inherit.test.ts"
  },
  {
    name: "an entry outlives what a cache served for it",
    in: "record",
    find: "if (endsAt < recorder.endsAt) recorder.endsAt = endsAt",
    replace: "",
    by: "test/cached/inherit.test.ts"
  },
  ...derived.unitFaults,
  ...guards.faults,
  {
    name: "an entry has the tags of the one that was read before it",
    in: "hasBytes",
    find: "if (frame[headSize + i] !== bytes[i]) return false",
    replace: "",
    by: "test/internal/codec/frame.test.ts"
  },
  {
    name: "the tags that are known are bytes of a frame that is gone",
    in: "tagsOf",
    find: "bytes: new Uint8Array(read.bytes)",
    replace: "bytes: read.bytes",
    by: "test/internal/codec/frame.test.ts"
  },
  {
    name: "numbers that JSON has not are stored as JSON",
    in: "flatten",
    find: "Number.isFinite(value) ? value : beyondJson(walk, value)",
    replace: "value",
    by: "test/serializers/Structured.test.ts"
  },
  {
    name: "LIRS makes hot what was read again after longer than any hot entry has waited",
    in: "HotAndQueue",
    find: "this.ageOf(item) <= this.hotAge()",
    replace: "this.ageOf(item) >= 0",
    by: "test/internal/eviction/policies.test.ts"
  },
  {
    name: "what comes after a clear is linked to what was there before",
    in: "HotAndQueue",
    find: "Ring.empty(this.queue)",
    replace: "",
    by: "test/internal/eviction/policies.test.ts"
  },
  {
    name: "the entries of a class with a quota are copied when most of them have left",
    in: "makeQuota",
    find: "places: Entries.make()",
    replace: "places: new Map() as never",
    by: "test/layers/withQuotas.test.ts"
  },
  {
    name: "S3-FIFO steps over all that it has forgotten, for each that leaves",
    in: "remember",
    find: "const { done, value } = self.oldestFirst.next()",
    replace: "const { done, value } = (self.oldestFirst = ghosts.values()).next()",
    by: "test/internal/eviction/policies.test.ts"
  },
  {
    name: "a policy is told of its new bound with each part that leaves",
    in: "shrink",
    find: "makeRoom(self, undefined, now, most)",
    replace: "self.policy.resized?.(capacity); makeRoom(self, undefined, now, most)",
    by: "test/cached/weights.test.ts"
  },
  {
    name: "all ids are copied before the first of them is listed",
    in: "idsHere",
    find: "InTurns.each(Entries.ids(self.memory.entries))",
    replace: "Stream.fromArray(Array.from(Entries.ids(self.memory.entries)))",
    by: "test/internal/time/turns.test.ts"
  },
  {
    name: "an id that comes again while memory is listed has another place",
    in: "InSteps",
    find: "this.isListed = true",
    replace: "",
    by: "test/cached/listing.test.ts"
  },
  {
    name: "what has left is listed where another map has taken the place of the one that is gone through",
    in: "InSteps",
    find: "(map === this.map || this.has(entry.id))",
    replace: "true",
    by: "test/internal/engine/memory/entries.test.ts"
  },
  {
    name: "a serializable transaction is shown what comes and goes",
    in: "inBase",
    find: "listed === undefined",
    replace: "true",
    by: "test/cached/listing.test.ts"
  },
  {
    name: "what changes while a commit looks for changes is not noticed",
    in: "whileSame",
    find: "look.state !== stateOf(base)",
    replace: "false",
    by: "test/cached/listing.test.ts"
  },
  {
    name: "a load holds all that was in memory when it was emptied",
    in: "takeAll",
    find: "for (const { id } of holders) Memory.remove(memory, id, cause)",
    replace: "",
    by: "test/cached/clear.test.ts"
  },
  {
    name: "the lead never changes",
    in: "Shadow",
    find: "this.lead = rule",
    replace: "void rule",
    by: "test/internal/eviction/policies.test.ts"
  },
  {
    name: "LIRS leads first where all hits came so soon that every rule has them",
    in: "HotAndQueue",
    find: "!full && this.ageOf(item) >= aWhile",
    replace: "!full",
    by: "test/internal/eviction/worstCases.test.ts"
  },
  {
    name: "nothing is remembered of what was evicted",
    in: "Ghosts",
    find: "words[place] = ((now",
    replace: "words[place]! & ((now",
    by: "test/internal/eviction/policies.test.ts"
  },
  {
    name: "the time of loads is not counted",
    in: "tellLoad",
    find: "flight.counters.loadMillis += millis",
    replace: "",
    by: "test/cached/stats.test.ts"
  },
  {
    name: "what leaves is counted by no cause",
    in: "left",
    find: "self.removals[cause]++",
    replace: "",
    by: "test/cached/stats.test.ts"
  },
  {
    name: "a curve counts what was counted before its sample was halved as often as what came after",
    in: "StackDistances",
    find: "this.distances[bucket]! /= 2",
    replace: "void bucket",
    by: "test/internal/eviction/stackDistances.test.ts"
  },
  {
    name: "a curve is not corrected for the ids that its sample has by chance",
    in: "StackDistances",
    find: "let hits = expected - counted",
    replace: "let hits = 0 * (expected - counted)",
    by: "test/internal/eviction/stackDistances.test.ts"
  },
  {
    name: "an id that is followed keeps its old place beside the new one",
    in: "StackDistances",
    find: "this.add(place, -weight)",
    replace: "void weight",
    by: "test/internal/eviction/stackDistances.test.ts"
  },
  {
    name: "a sample drops ids and tells nobody",
    in: "StackDistances",
    find: "this.onDrop(sample)",
    replace: "void sample",
    by: "test/internal/eviction/stackDistances.test.ts"
  },
  {
    name: "a curve takes what has expired for what a larger memory would have",
    in: "make",
    find: "known.expiresAt > (node as Expiring).createdAt",
    replace: "known.expiresAt > 0",
    by: "test/cached/curve.test.ts"
  },
  {
    name: "a curve forgets what was evicted",
    in: "make",
    find: "if (evicting === node) sample",
    replace: "if (false) sample",
    by: "test/cached/curve.test.ts"
  },
  {
    name: "a curve takes a new value of an entry in memory for a read",
    in: "make",
    find: "(old as Expiring).expiresAt <= (node as Expiring).createdAt",
    replace: "true",
    by: "test/cached/curve.test.ts"
  },
  {
    name: "a read that the store answers counts twice for the eviction policy",
    in: "answerWith",
    find: "!isFromStore(source)",
    replace: "true",
    by: "test/cached/curve.test.ts"
  },
  {
    name: "a simulation tells policies of no hit",
    in: "run",
    find: "return state.read(known)",
    replace: "return",
    by: "test/testing/simulate.test.ts"
  },
  {
    name: "a simulation keeps one entry more than there is room for",
    in: "run",
    find: "held.size <= capacity",
    replace: "held.size <= capacity + 1",
    by: "test/testing/simulate.test.ts"
  },
  {
    name: "a simulation draws its own dice",
    in: "run",
    find: "const { word } = Tokens.make(() => Uint32Array.of(1, seed, 2, 3))",
    replace: "const word = () => Math.random() * 2 ** 32",
    by: "test/testing/simulate.test.ts"
  },
  {
    name: "thousands of deadlines are looked at without a look at the clock",
    in: "sweep",
    find: "entry === undefined || steps",
    replace: "steps",
    by: "test/cached/expiry.test.ts"
  },
  {
    name: "what was cleared stays in the wheel of deadlines",
    in: "empty",
    find: "Deadlines.removeAll(deadlines)",
    replace: "",
    by: "test/processes/clearedMemory.test.ts"
  },
  {
    name: "memory never gets back the room that it gave up for the heap",
    in: "pressureOn",
    find: "share < most * relaxedAt",
    replace: "false",
    by: "test/layers/withHeapLimit.test.ts"
  },
  {
    name: "all caches hash with one seed",
    in: "make",
    find: "seed: tokens.word",
    replace: "seed: () => 7",
    by: "test/internal/eviction/worstCases.test.ts"
  },
  {
    name: "the coldest entries are told although they may not be served",
    in: "ranked",
    find: "liveEntry(self, entry.id, now) === entry",
    replace: "entry",
    by: "test/cached/ranking.test.ts"
  },
  {
    name: "a class is over its quota by what comes",
    in: "makeRoom",
    find: "quota.weight + needed() > quota.most",
    replace: "quota.weight > quota.most",
    by: "test/layers/withQuotas.test.ts"
  },
  {
    name: "what leaves a class keeps its part of the quota",
    in: "leave",
    find: "quota.weight -= entry.weight",
    replace: "",
    by: "test/layers/withQuotas.test.ts"
  },
  {
    name: "the policy of a class hears of no reads",
    in: "enforce",
    find: "quota!.policy.read(place)",
    replace: "void place",
    by: "test/layers/withQuotas.test.ts"
  },
  {
    name: "what leaves keeps its weight",
    in: "drop",
    find: "self.weight -= entry.weight",
    replace: "self.weight -= 1",
    by: "test/cached/weights.test.ts"
  },
  {
    name: "what is too heavy pushes everything out",
    in: "put",
    find: "weight === undefined || weight > Math.min(self.capacity, Number.MAX_SAFE_INTEGER)",
    replace: "weight === undefined",
    by: "test/cached/weights.test.ts"
  },
  {
    name: "a smaller memory evicts all at once",
    in: "shrink",
    find: "makeRoom(self, undefined, now, most)",
    replace: "makeRoom(self, undefined, now, Infinity * most)",
    by: "test/cached/weights.test.ts"
  },
  {
    name: "a manifest is committed before the last page",
    in: "pulling",
    find: "yield* closePage(run)",
    replace: "yield* Effect.forkDetach(Effect.delay(closePage(run), 10))",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a page of another run is served",
    in: "pageId",
    find: "${run}",
    replace: "run",
    by: "test/simulation/streams.test.ts"
  },
  {
    name: "a consumer sleeps through what comes before it waits",
    in: "waiting",
    find: "happened(self) !== seen",
    replace: "seen < 0",
    by: "test/simulation/streams.test.ts"
  },
  {
    name: "a consumer waits for a run that begins behind its own",
    in: "follow",
    find: "return goOnAlone(self)",
    replace: "return",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a run pulls more than is asked for",
    in: "isWanted",
    find: "if ((cursor.isWaiting || cursor.wantsAll) && !except.includes(cursor)) return true",
    replace: "return !except.includes(cursor)",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "the pages of a run that is not stored stay",
    in: "disposeIfIdle",
    find: "dispose()",
    replace: "void dispose",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a run waits for ever for a slow consumer",
    in: "lag",
    find: "cursor.isLagging = true",
    replace: "",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "the pages of a large stream stay in memory without it",
    in: "leaveTogether",
    find: "Memory.remove(memory, pageId(manifest.run, page, entry.id), cause)",
    replace: "void pageId",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a page that has given way leaves the others behind",
    in: "leaveTogether",
    find: "Memory.remove(memory, page.id, cause)",
    replace: "void cause",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "the pages of an invalidated stream wait for the sweep",
    in: "removeStored",
    find: "Pages.removeReplaced(",
    replace: "void (",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "pages are removed that the store still names",
    in: "removeUnlessNamed",
    find: "isNamed === false",
    replace: "isNamed !== undefined",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "who holds a run up has another 5 seconds with each page",
    in: "hasRoom",
    find: "cursor.heldUpMillis += heldUpMillis",
    replace: "cursor.heldUpMillis = heldUpMillis",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "who consumes a stream alone is too slow",
    in: "laggards",
    find: "return isWanted(self, behind) ? behind : []",
    replace: "return behind",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "who has caught up is still behind",
    in: "ask",
    find: "cursor.heldUpMillis = 0",
    replace: "",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a stream that was cut is cut for all who come",
    in: "cut",
    find: "isNamed === true",
    replace: "isNamed === undefined",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a stored failure whose elements are lost comes alone",
    in: "nextOfReplay",
    find: "isNamed === true",
    replace: "isNamed === undefined",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "who is behind a run is not compared with what it has got",
    in: "runAside",
    find: "self.skips = self.pages > 0",
    replace: "self.skips = false",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a run that is not stored is not compared either",
    in: "isEncoded",
    find: "|| log.comparing > 0",
    replace: "",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "who has lost a page waits for another one who has",
    in: "again",
    find: "readAgain(self, loading)",
    replace: "readAgain(self, (policy) => Policy.refreshing(loading(policy)))",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a page with fewer elements is the end",
    in: "nextOfReplay",
    find: "self.elements !== manifest.elements",
    replace: "self.elements < 0",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "the pages of a replay are read one after the other",
    in: "readPage",
    find: "page + streams.pagesAhead",
    replace: "page",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "all pages of a replay are read at once",
    in: "readPage",
    find: "Math.min(end - 1, page + streams.pagesAhead)",
    replace: "end - 1",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a load is told of a stream as of a value",
    in: "previousOf",
    find: "|| request.settled !== undefined",
    replace: "",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "the softTimeout of a layer ends a run",
    in: "optionsOf",
    find: "readDefaults.softTimeout === undefined",
    replace: "readDefaults !== undefined",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a lost page is made up for from another stream",
    in: "skip",
    find: "if (digest !== self.digest) return cut(self)",
    replace: "",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a transaction checks nothing at its commit",
    in: "commit",
    find: "const asked = [...checks.ids.values(), ...checks.conditions, ...checks.names.values()]",
    replace: "const asked: Array<TransactCheck> = []",
    by: "test/transaction/bank.test.ts",
    sought: "always"
  },
  {
    name: "serializable transactions check explicit reads alone",
    in: "below",
    find: `root.isolation === "serializable" ||`,
    replace: "",
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "after a conflict the next try reads the same old copy",
    in: "inStore",
    find: `for (const id of answer.ids) Memory.remove(base.memory, id, "unverified")`,
    replace: "",
    by: "test/transaction/failures.test.ts"
  },
  {
    name: "a commit without an answer counts as none",
    in: "doubt",
    find: "for (const [item] of sent) markUnsent(tier, item)",
    replace: "giveBack(tier, sent)",
    by: "test/transaction/failures.test.ts"
  },
  {
    name: "a ttl counts from the write, not from the commit",
    in: "committed",
    find: "const expiresAt = endOf(life, now)",
    replace: "const expiresAt = entry.expiresAt + 0 * endOf(life, now)",
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "a condition that was told is not checked",
    in: "rememberCondition",
    find: `checks.conditions.push({ _tag: "Entry", id, condition: told })`,
    replace: "void told",
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "a private load of a transaction is stored although its key was invalidated meanwhile",
    in: "isPublishable",
    find: "Watches.hasChanged(base, { since }, flight.id)",
    replace: "Watches.hasChanged(base, { since: Infinity }, flight.id) && since < 0",
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "a transaction locks nothing",
    in: "lock",
    find: `if (root.isolation !== "locked") return Effect.void`,
    replace: `if (root.isolation !== undefined) return Effect.void`,
    by: "test/transaction/failures.test.ts"
  },
  {
    name: "the locks of a transaction are not renewed",
    in: "renewing",
    find: "return Effect.forever(Effect.andThen(Effect.sleep(third), renewAll))",
    replace: "return Effect.never",
    by: "test/transaction/locks.test.ts"
  },
  {
    name: "the first of several locks alone is renewed",
    in: "renewing",
    find: "Array.from(all)",
    replace: "Array.from(all).slice(0, 1)",
    by: "test/transaction/locks.test.ts"
  },
  {
    name: "a lock that is lost is asked for again and again",
    in: "renewing",
    find: "all.delete(held)",
    replace: "all.add(held)",
    by: "test/transaction/locks.test.ts"
  },
  {
    name: "a place that does not answer ends the locks of others",
    in: "renewing",
    find: "Effect.timeoutOption(backend.renew(held.name, held.token, leaseMillis), third)",
    replace: "Effect.timeoutOption(backend.renew(held.name, held.token, leaseMillis), leaseMillis * 10)",
    by: "test/transaction/locks.test.ts"
  },
  {
    name: "locks that are held together are released one by one",
    in: "releaseAll",
    find: "if (releaseMany === undefined) return",
    replace: "if (releaseMany === undefined || all.length > 0) return",
    by: "test/transaction/locks.test.ts"
  },
  {
    name: "a savepoint reads past the level around it",
    in: "below",
    find: "if (parent !== undefined) {",
    replace: "if (parent !== undefined && self.isCleared) {",
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "write skew: two that read what the other one writes are both committed",
    in: "below",
    find: `root.isolation === "serializable" ||`,
    replace: "",
    by: "test/transaction/bank.test.ts"
  },
  {
    name: "half a commit: the last write is left out",
    in: "inMemory",
    find: "for (const item of items) applyHere",
    replace: "for (const item of items.slice(0, Math.max(1, items.length - 1))) applyHere",
    by: "test/transaction/bank.test.ts"
  },
  {
    name: "dirty reads: memory has what is written before the store has committed it",
    in: "inStore",
    find: "const sent = begin(tier, items)",
    replace: `const sent = begin(tier, items)
    for (const entry of entries.values()) put(base, copyOf(entry, { bornAt: base.tagEpochs.epoch }), now)`,
    by: "test/transaction/bank.test.ts"
  },
  {
    name: "of a tag that a transaction invalidates twice the first is taken for another's",
    in: "begin",
    find: "item !== undefined && (sent.get(item)?.displaced ?? true)",
    replace: "item !== undefined",
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "a look-up inside a transaction invalidates at once",
    in: "lookupMany",
    find: "if (policy.invalidate !== undefined && !policy.bypass) { return Effect.as( remove(",
    replace: "if (policy.invalidate !== undefined && policy.bypass) { return Effect.as( remove(",
    also: [{ in: "below", find: "Policy.readingAll", replace: "(policy) => policy" }],
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "a condition about what a transaction has loaded is checked outside",
    in: "isWritten",
    find: "level.isCleared || loadedHere(level, id) !== undefined",
    replace: "level.isCleared",
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "what was written around a savepoint ages in it",
    in: "writeSeen",
    find: "level = level.parent",
    replace: "level = undefined",
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "additions to a counter that come to nothing leave none",
    in: "addCount",
    find: "last.by + count.by !== 0",
    replace: "last.by + count.by < Infinity",
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "a step of a transaction that fails leaves those before it",
    in: "carryOutAll",
    find: "if (self.storage.atomic === undefined) undo(self, steps)",
    replace: "",
    by: "test/internal/store/transact.test.ts"
  },
  {
    name: "an SQL transaction invalidates before its commit",
    in: "withSql",
    find: "const told = Effect.andThen(",
    replace: "yield* tell(found)\n        const told = Effect.andThen(",
    by: "test/transaction/withSql.test.ts"
  },
  {
    name: "a savepoint's outbox is forgotten",
    in: "withSql",
    find: "entered.root.outbox ??= options.outbox",
    replace: "",
    by: "test/transaction/withSql.test.ts"
  },
  {
    name: "what an interrupted savepoint has invalidated is lost, and its rows are not",
    in: "nested",
    find: "around(ran) as typeof ran",
    replace: "restore(around(ran)) as typeof ran",
    by: "test/transaction/withSql.test.ts"
  },
  {
    name: "a client that does not say when it commits is believed",
    in: "withSql",
    find: "if (targets !== undefined) return told",
    replace: "if (targets !== null) return told",
    by: "test/transaction/withSql.test.ts"
  },
  {
    name: "of a strict program the first invalidation that the store refuses is the last",
    in: "invalidate",
    find: "({ ...policy, strict: false })",
    replace: "policy",
    by: "test/transaction/withSql.test.ts"
  },
  {
    name: "what is in an SQL transaction may be discarded without its rows",
    in: "rollback",
    find: "if (entered.root.bypasses) {",
    replace: "if (entered === null) {",
    by: "test/transaction/withSql.test.ts"
  },
  {
    name: "the outbox warns of its own end",
    in: "outbox",
    find: "Cause.hasInterruptsOnly(cause)",
    replace: "Cause.hasInterruptsOnly(cause) && Cause.hasFails(cause)",
    by: "test/transaction/withSql.test.ts"
  },
  {
    name: "rows of a later release are removed",
    in: "replay",
    find: "if (targets === undefined) foreign.add(id)",
    replace: "if (targets === undefined) yield* removeRow(sql, table, id)",
    by: "test/transaction/withSql.test.ts"
  },
  {
    name: "a row of the outbox goes before the store has acknowledged it",
    in: "withSql",
    find: "isUnsent(base, found) ?",
    replace: "isUnsent(undefined, found) ?",
    by: "test/transaction/withSql.test.ts"
  },
  {
    name: "the replay removes a row before the store has acknowledged it",
    in: "replay",
    find: "if (!isUnsent(cache.perform(enter), targets)) yield* removeRow",
    replace: "yield* removeRow",
    by: "test/transaction/withSql.test.ts"
  },
  {
    name: "the outbox carries out what is being carried out",
    in: "replay",
    find: "now - numbers.olderMillis",
    replace: "now",
    by: "test/transaction/withSql.test.ts"
  },
  {
    name: "what a formatter loses is not in the key",
    in: "join",
    find: `lost === ""`,
    replace: `lost !== "0:"`,
    by: "test/internal/key/template.test.ts"
  },
  {
    name: "a value of a template ends where its text has the separator",
    in: "plain",
    find: "escape(String(value))",
    replace: "String(value)",
    by: "test/internal/key/template.test.ts"
  },
  {
    name: "a number and its text fill a hole alike",
    in: "plain",
    find: "kinds.size === 1",
    replace: "kinds.size < 9",
    by: "test/internal/key/template.test.ts"
  },
  {
    name: "a readable id may leave out a field",
    in: "refuseMissing",
    find: "if (missing === undefined) return",
    replace: "if (missing !== null) return",
    by: "test/internal/key/template.test.ts"
  },
  {
    name: "what is frozen holds what is not",
    in: "freeze",
    find: "waiting.push(Object.getOwnPropertyDescriptor(one, name)!.value)",
    replace: "void name",
    by: "test/cached/copy.test.ts"
  },
  {
    name: "a private load is stored although its key was invalidated meanwhile",
    in: "complete",
    find: "flight.storable = isStorable(self, flight)",
    replace: "",
    by: "test/cached/privateFlights.test.ts"
  },
  {
    name: "a private flight is kept in a list, where one that is stopped stays",
    in: "launch",
    find: "!self.isPrivate",
    replace: "true",
    by: "test/cached/privateFlights.test.ts"
  },
  {
    name: "every reader of a due key has it refreshed",
    in: "handOver",
    find: "holdOff(self, id, now, self.refreshing.timeoutMillis)",
    replace: "void [id, now]",
    by: "test/cached/privateFlights.test.ts"
  },
  {
    name: "a private load past its softTimeout runs on without a platform",
    in: "serveStale",
    find: "!self.isPrivate || ",
    replace: "true || ",
    by: "test/cached/privateFlights.test.ts"
  },
  {
    name: "what a private reader does waits for the turn of another",
    in: "work",
    find: "self.isPrivate ? Infinity : jobsOfTurn",
    replace: "jobsOfTurn",
    by: "test/cached/privateFlights.test.ts"
  },
  {
    name: "what follows a question has the whole time again",
    in: "conclude",
    find: "Math.max(0, leftMillis(self, question))",
    replace: "self.storeTier!.storeTimeoutMillis",
    by: "test/internal/engine/read/askStore.test.ts"
  },
  {
    name: "who begins to follow a damaged database fails",
    in: "make",
    find: "let listening = run(() => start(tables()))",
    replace: "let listening = start(tables())",
    by: "test/drivers/sqlite/SqliteDamage.test.ts"
  },
  {
    name: "a clock that was set back keeps those who look for what is due for ever",
    in: "nextDue",
    find: "if (until < self.tick) return undefined",
    replace: "",
    by: "test/internal/engine/memory/deadlines.test.ts"
  },
  {
    name: "a load is ended by what others changed before it had its lease",
    in: "acquireLease",
    find: "self.tagEpochs.look?.()",
    replace: "",
    by: "test/internal/engine/invalidation/crossings.test.ts"
  },
  {
    name: "a long list holds the event loop",
    in: "inTurns",
    find: "monotonicMillis(clock) - beganAt < turnMillis",
    replace: "true",
    by: "test/internal/time/turns.test.ts"
  },
  {
    name: "the locks of many keys hold the event loop",
    in: "forEachEffect",
    find: "monotonicMillis(clock) - beganAt >= turns.millis",
    replace: "false",
    by: "test/internal/time/turns.test.ts"
  },
  {
    name: "many keys are looked up in one step",
    in: "inParts",
    find: "items.length <= size",
    replace: "true",
    by: "test/internal/time/turns.test.ts"
  },
  {
    name: "each lock on disk goes through all that are held",
    in: "acquire",
    find: "pruning.dueAt = monotonicMillis(clock) + lockLifeMillis",
    replace: "",
    by: "test/drivers/sqlite/SqliteLock.test.ts"
  },
  {
    name: "a map of many answers holds the event loop",
    in: "turnOf",
    find: "monotonicMillis(clock) - beganAt >= turns.millis",
    replace: "false",
    by: "test/internal/time/turns.test.ts"
  },
  {
    name: "a line of the log has what a value leaves out of its text",
    in: "beginOf",
    find: "else if (hasText(value) && isSmall(value)) text += Formatter.format(value)",
    replace: "",
    by: "test/cached/values.test.ts"
  },
  {
    name: "a detector that asks for no values gets them",
    in: "detect",
    find: "detector.values",
    replace: "true",
    by: "test/cached/values.test.ts"
  },
  {
    name: "an answer that nobody asked for comes back after its key was invalidated",
    in: "detach",
    find: "noteChange(self, id)",
    replace: "",
    by: "test/cached/unasked.test.ts"
  },
  {
    name: "an answer that nobody asked for comes back after a clear",
    in: "forgetAll",
    find: "noteAll(self)",
    replace: "",
    by: "test/cached/unasked.test.ts"
  },
  {
    name: "a listing of values pushes others out of memory",
    in: "valuesOf",
    find: "writes: false",
    replace: "writes: policy.writes",
    by: "test/cached/matching.test.ts"
  },
  {
    name: "a counter that has expired is listed",
    in: "counters",
    find: "now < expiresAt",
    replace: "now < expiresAt + 60_000",
    by: "test/cached/counters.test.ts"
  },
  {
    name: "what caches served inside a load that was joined is forgotten",
    in: "respond",
    find: "recordLoaded(caller.within, flight)",
    replace: "",
    by: "test/cached/inherit.test.ts"
  },
  {
    name: "only the first key of a call inherits what the call was served",
    in: "make",
    find: "recordShared(item.flight.attempt, first.flight.attempt)",
    replace: "",
    by: "test/cached/inherit.test.ts"
  },
  {
    name: "what is to be refused is stored",
    in: "inherited",
    find: `if (inherit === "refuse") return "skip"`,
    replace: "",
    by: "test/cached/inherit.test.ts"
  },
  {
    name: "a call whose first key was left is inside no load",
    in: "endFlight",
    find: "if (flight.request.batch?.isLedBy(flight) !== true) endAttempt(flight.attempt)",
    replace: "endAttempt(flight.attempt)",
    by: "test/cached/bulk.test.ts"
  },
  {
    name: "what a touch has made fresh is nothing to fall back on",
    in: "usableStale",
    find: "decision === LoadOrStale || (decision !== Load && now < stale.softExpiresAt)",
    replace: "decision === LoadOrStale",
    by: "test/promises/P6.test.ts"
  },
  {
    name: "what was made stale is fallen back on as fresh",
    in: "usableStale",
    find: "stale.softExpiresAt = -Infinity",
    replace: "{}",
    by: "test/promises/P6.test.ts"
  },
  {
    name: "the last value that was served counts, not the oldest",
    in: "record",
    find: "if (oldestAt < recorder.oldestAt) {",
    replace: "{",
    by: "test/cached/inherit.test.ts"
  },
  {
    name: "what is stored is the object that the load answered",
    in: "kept",
    find: "return copy === undefined || renewed || !policy.writes ? exit : Exit.map(exit, copyOf(copy, request.key))",
    replace: "return exit",
    by: "test/cached/copy.test.ts"
  },
  {
    name: "a resource is only found in the value itself",
    in: "holdsResource",
    find: "addParts(waiting, value)",
    replace: "",
    by: "test/cached/resources.test.ts"
  },
  {
    name: "a resource in an Option is not found",
    in: "contentOf",
    find: "if (Option.isOption(value)) return Option.toArray(value)",
    replace: "",
    by: "test/cached/resources.test.ts"
  },
  {
    name: "text of JSON is made of what is not JSON",
    in: "checkedLink",
    find: "[new SchemaAST.Link(SchemaAST.any, onlyJson), link]",
    replace: "[link]",
    by: "test/cached/messages.test.ts"
  },
  {
    name: "the stack of a mistake leads nowhere",
    in: "dual",
    find: "mistakeIn(called, options)",
    replace: "undefined",
    by: "test/cached/messages.test.ts"
  },
  {
    name: "below Schema.Any anything is JSON",
    in: "isOpen",
    find: `_tag === "Any" || _tag === "ObjectKeyword" || _tag === "Unknown"`,
    replace: `_tag === "ObjectKeyword" || _tag === "Unknown"`,
    by: "test/serializers/openSchemas.test.ts"
  },
  {
    name: "the work loop has no budget",
    sought: "always",
    in: "work",
    find: "while (left > 0 && job(self)) left--",
    replace: "while (left !== Infinity && job(self)) left--",
    by: `${flight}/work.test.ts`
  },
  {
    name: "what ends last is answered first",
    in: "Fifo",
    find: "this.items[this.end++] = item",
    replace: `this.items.splice(this.head, 0, item)
this.end++`,
    by: `${flight}/work.test.ts`
  },
  {
    name: "refreshes start before answers",
    in: "next",
    find: "endNext(self) || startNext(self)",
    replace: "startNext(self) || endNext(self)",
    by: `${flight}/work.test.ts`
  },
  {
    name: "a due read waits for the synchronous part of its refresh",
    in: "takeSlots",
    find: "startLater(self, flight, dispatcher)",
    replace: "self.work.start(self, flight)",
    by: `${flight}/work.test.ts`
  },
  {
    name: "a load that is not the newest of its id ends a fallback",
    in: "endFallback",
    find: "if (!isNewest(flight)) return",
    replace: "",
    by: "test/cached/fallback.test.ts"
  },
  {
    name: "a stale value is served without a load, though there was an answer",
    in: "standsIn",
    find: "&& !isAnswered(self, entry)",
    replace: "",
    by: "test/cached/fallback.test.ts"
  },
  {
    name: "ids whose load has answered are not bounded",
    in: "endFallback",
    find: "if (self.answered.size <= answeredIds) break",
    replace: "if (self.answered.size < Infinity) break",
    by: `${flight}/answers.test.ts`
  },
  {
    name: "a strict read does not ask what the store was asked in vain to invalidate",
    in: "afterUnsent",
    find: "return unsent.length === 0 ? undefined",
    replace: "return unsent.length < Infinity ? undefined",
    by: "test/promises/P4.test.ts"
  },
  {
    name: "a strict read of many does not either",
    in: "refusedStrictly",
    find: "return unsent.length === 0 ? undefined",
    replace: "return unsent.length < Infinity ? undefined",
    by: "test/promises/P4.test.ts"
  },
  {
    name: "the queue of refreshes is not bounded",
    in: "offer",
    find: "if (queue.size <= queuedRefreshes) return",
    replace: "if (queue.size < Infinity) return",
    by: `${flight}/refreshing.test.ts`
  },
  {
    name: "what was asked for first is refreshed first",
    in: "newestOf",
    find: "newest = unit",
    replace: "newest ??= unit",
    by: `${flight}/refreshing.test.ts`
  },
  {
    name: "what is queued outlives its entry",
    in: "forgetRefresh",
    find: "dropFlight(self, flight)",
    replace: "",
    by: `${flight}/refreshing.test.ts`
  },
  {
    name: "a detached refresh keeps its slot",
    in: "detach",
    find: "else leaveUnit(self, flight)",
    replace: "",
    by: `${flight}/refreshing.test.ts`
  },
  {
    name: "a refresh keeps its slot past its time",
    in: "limitUnattended",
    find: "leaveUnit(self, flight)",
    replace: "",
    by: `${flight}/refreshing.test.ts`
  },
  {
    name: "a flight keeps its parent",
    in: "letGo",
    find: "flight.parent = undefined",
    replace: "",
    by: `${flight}/attempt.test.ts`
  },
  {
    name: "a flight keeps the context of its starter",
    in: "letGo",
    find: "flight.starter = noContext",
    replace: "",
    by: `${flight}/attempt.test.ts`
  },
  {
    name: "a try is inside its load for ever",
    in: "endAttempt",
    find: "self.flight = undefined",
    replace: "",
    by: `${flight}/attempt.test.ts`
  },
  {
    name: "a second try inherits from the first",
    in: "again",
    find: "nextAttempt(flight, nowOf(fiber))",
    replace: "flight.attempt",
    by: `${flight}/attempt.test.ts`
  },
  {
    name: "who waits for a lease asks alone",
    in: "askAll",
    find: "tier.store.acquireMany(due.map((waiting) => requestOf(tier, waiting, now)))",
    replace: `Effect.forEach(due, (waiting) => {
const { id, ...asking } = requestOf(tier, waiting, now)
return tier.store.acquire(id, asking)
})`,
    by: `${flight}/leaseWaits.test.ts`
  },
  {
    name: "an entry that came with the lease is believed whatever was told meanwhile",
    in: "isWhole",
    find: " && !changedWhileAsked",
    replace: "",
    by: `${flight}/leaseWaits.test.ts`
  },
  {
    name: "an entry that came with the lease is read once more",
    in: "acquireLease",
    find: "declared.length === 0 && isWhole(flight, acquired.entry)",
    replace: "false",
    by: `${flight}/leaseWaits.test.ts`
  },
  {
    name: "who waits for a lease asks as often as at first",
    in: "nextOf",
    find: "Math.max(leasePoll.firstMillis, waited / 4)",
    replace: "leasePoll.firstMillis",
    by: `${flight}/leaseWaits.test.ts`
  },
  {
    name: "changes are looked for before the result is in memory",
    in: "complete",
    find: "unregister(self, flight)\n  publish(self, flight)",
    replace: "unregister(self, flight)\n  releaseLease(flight)\n  publish(self, flight)",
    by: "test/internal/engine/invalidation/tracking.test.ts"
  },
  {
    name: "a refresh that somebody joins stays in the queue while listeners are told",
    in: "promote",
    find: "self.refreshing.queue.delete(unit)\n  return Array.from(unit.flights)",
    replace: "return unit.flights",
    by: withinOneStep
  },
  {
    name: "changes are looked for when a value that was set enters memory",
    in: "set",
    find: "self.tagEpochs.ensureTracking?.()",
    replace: "",
    by: withinOneStep
  },
  {
    name: "listeners are told in the midst of a list of changes",
    in: "together",
    find: "if (self.untold !== undefined) return steps()",
    replace: "if (self.capacity !== undefined) return steps()",
    by: withinOneStep
  },
  {
    name: "listeners are told of tags before they are pending",
    in: "invalidateTags",
    find: "const item = Pending.add(tier.pending, Pending.tagsTarget(tier.pending, tags, mode))\n    begin()",
    replace: "begin()\n    const item = Pending.add(tier.pending, Pending.tagsTarget(tier.pending, tags, mode))",
    by: withinOneStep
  },
  {
    name: "a value that is set enters memory before it is pending",
    in: "replaceInStore",
    find: `const item = Pending.add(pending, { _tag: "Id", id })
    const { clears } = pending
    replaceHere()`,
    replace: `replaceHere()
    const item = Pending.add(pending, { _tag: "Id", id })
    const { clears } = pending`,
    by: withinOneStep
  },
  {
    name: "the call of a batch begins within an invalidation",
    sought: "always",
    in: "make",
    find: "dispatcher.scheduleTask(fireIfComplete, 0)",
    replace: "fireIfComplete()",
    by: withinOneStep
  },
  {
    name: "what a listener has invalidated is refreshed",
    in: "enqueue",
    find: "mutations !== self.mutations",
    replace: "mutations === undefined",
    by: withinOneStep
  },
  {
    name: "the name of a write is drawn from the caller's Random",
    in: "entryOf",
    find: "self.tokens.next(16)",
    replace: "String(Context.get(flight.starter.context, Random.Random).nextDoubleUnsafe())",
    by: "test/internal/token.test.ts"
  },
  {
    name: "a store seeds its tokens from the caller's Random",
    in: "lazily",
    find: "make(fiber.getRef(Seed))",
    replace: `make(drawWith(() =>
  fiber.getRef(Context.Reference("effect/Random", { defaultValue: () => Math })).nextDoubleUnsafe()
))`,
    by: "test/internal/token.test.ts"
  },
  {
    name: "a listener is not isolated",
    in: "isolated",
    find: `try {
listener(...told)
} catch`,
    replace: `listener(...told)
try {
} catch`,
    by: "test/cached/events.test.ts"
  },
  {
    name: "an eviction policy is not guarded",
    in: "makePolicy",
    find: "guarded(made(options), options.eviction.name, guard)",
    replace: "made(options)",
    by: "test/cached/userCode.test.ts"
  },
  {
    name: "answers of acquire are not checked",
    in: "validateAnswers",
    find: `ask("acquire", () => store.acquire(id, options), isAcquired(options))`,
    replace: `ask("acquire", () => store.acquire(id, options), isAnything)`,
    by: `${storeTier}/validateAnswers.test.ts`
  },
  {
    name: "answers of acquire to many are not checked",
    in: "validateAnswers",
    find: "isListOf(requests.length, (acquired, i) => isAcquired(requests[i]!)(acquired))",
    replace: "isListOf(requests.length, isAnything)",
    by: `${storeTier}/lyingStores.test.ts`
  },
  {
    name: "a change of one entry changes all that were stored alike",
    in: "ownTerms",
    find: "terms.isShared ? { ...terms, isShared: false } : terms",
    replace: "terms",
    by: "test/internal/engine/memory/entry.test.ts"
  },
  {
    name: "an entry has the tags of another one",
    in: "termsOf",
    find: "tags.length === 0 && writeId === undefined",
    replace: "writeId === undefined",
    by: "test/internal/engine/memory/entry.test.ts"
  },
  {
    name: "an entry has the load time of another one",
    in: "termsOf",
    find: "known.loadMillis === loadMillis &&",
    replace: "",
    by: "test/internal/engine/memory/entry.test.ts"
  },
  {
    name: "a large memory is copied in one step when most has left it",
    in: "InSteps",
    find: "move === undefined && !isListed && (isSmall || map.size > most / 2)",
    replace: "move === undefined",
    by: "test/internal/engine/memory/entries.test.ts"
  },
  {
    name: "what comes in while a large memory becomes a smaller one is lost",
    in: "InSteps",
    find: "move.to.set(id, entry)",
    replace: "",
    by: "test/internal/engine/memory/entries.test.ts"
  },
  {
    name: "what leaves while a large memory becomes a smaller one comes back",
    in: "InSteps",
    find: "if (move.to.has(id)) move.to.set(id, undefined)",
    replace: "",
    by: "test/internal/engine/memory/entries.test.ts"
  },
  {
    name: "an entry that comes back to a large memory is not counted",
    in: "InSteps",
    find: "this.left--",
    replace: "",
    by: "test/internal/engine/memory/entries.test.ts"
  },
  {
    name: "a listing of a large memory has what has left it meanwhile",
    in: "InSteps",
    find: "(map === this.map || this.map.get(entry.id) === entry)",
    replace: "true",
    by: "test/internal/engine/memory/entries.test.ts"
  },
  {
    name: "a clock that was set back keeps what has expired in memory until it has caught up",
    in: "sweep",
    find: "if (now < memory.deadlines.tick - sweepEveryMillis) Deadlines.rewind(memory.deadlines, now)",
    replace: "",
    by: "test/cached/expiry.test.ts"
  },
  {
    name: "the wheel goes on from a later time than that to which the clock was set back",
    in: "rewind",
    find: "Math.floor(now)",
    replace: "Math.floor(now) + 60_000",
    by: "test/internal/engine/memory/deadlines.test.ts"
  },
  {
    name: "a weight without end is counted",
    in: "put",
    find: "Math.min(self.capacity, Number.MAX_SAFE_INTEGER)",
    replace: "self.capacity",
    by: "test/cached/weights.test.ts"
  },
  {
    name: "each incident of a store that fails now and then is logged",
    in: "noteFault",
    find: "now - incident.loggedAt >= incidentMillis",
    replace: "true",
    by: "test/internal/engine/storeTier/incidents.test.ts"
  },
  {
    name: "a store that is far away is asked in small groups",
    in: "make",
    find: "if (one.older-- <= 0) one.firstAt ??=",
    replace: "one.firstAt ??=",
    by: "test/cached/bulkOfThousands.test.ts"
  },
  {
    name: "the tags of loads that have ended are kept for ever",
    in: "remove",
    find: "if (loads.size > keptDependencies) loads.delete(tag)",
    replace: "",
    by: "test/internal/engine/memory/dependents.test.ts"
  },
  {
    name: "all flights of a call for thousands ask the store at once",
    in: "make",
    find: "if (inside.size < size) return true",
    replace: "return true",
    by: "test/cached/bulkOfThousands.test.ts"
  },
  {
    name: "a call for thousands is joined for a reader who has left",
    in: "joinAll",
    find: "if (isLeft) return",
    replace: "",
    by: "test/internal/time/turns.test.ts"
  },
  {
    // one schedule of 18,000 finds it
    name: "loads are joined that began before anything was told",
    in: "markTracked",
    find: "if (hasBegun(flight)) unshare(self, flight)",
    replace: "",
    by: "test/internal/engine/invalidation/following.test.ts"
  },
  {
    name: "LRU has an entry twice where a policy failed about the one before it",
    in: "guarded",
    find: "if (policy === before) attempt(",
    replace: "attempt(",
    by: "test/cached/userCode.test.ts"
  },
  {
    name: "nothing survives a policy that empties memory while it is asked for a victim",
    in: "makeRoom",
    find: "if (victim === undefined) return",
    replace: "",
    by: "test/cached/userCode.test.ts"
  },
  {
    name: "an entry whose deadline was moved on counts as expired",
    in: "firstExpired",
    find: "!(entry.expiresAt > now)",
    replace: "!(entry.createdAt > now)",
    by: "test/internal/engine/memory/deadlines.test.ts"
  },
  {
    name: "an entry with an earlier deadline stays where it was",
    in: "reorder",
    find: "if (self.entries.get(entry.id) === entry)",
    replace: "if (self.entries.get(entry.id) !== entry)",
    by: "test/cached/expiredFirst.test.ts"
  },
  {
    name: "an entry stays in its bucket when the time of that begins",
    in: "nextDue",
    find: "tick % span === 0",
    replace: "level === 0",
    by: "test/internal/engine/memory/deadlines.test.ts"
  },
  {
    name: "a timer runs on while nothing is read",
    in: "makeSweeper",
    find: "self.memory.rests ? Effect.void : run(self)",
    replace: "run(self)",
    by: "test/cached/expiry.test.ts"
  },
  {
    name: "a cache that rests is not woken",
    in: "peek",
    find: "if (self.rests) self.sweeper!.wake()",
    replace: "",
    by: "test/cached/expiry.test.ts"
  },
  {
    name: "what reads in another time is cleared by this one",
    in: "makeSweeper",
    find: "Math.abs(skew) > sweepEveryMillis",
    replace: "Math.abs(skew) > Infinity",
    by: "test/cached/expiry.test.ts"
  },
  {
    name: "a hit does not look at the class of its key",
    in: "find",
    find: "if (sameIds.exist) meet(self, key)",
    replace: "",
    by: "test/cached/sameIds.test.ts"
  },
  {
    name: "a cached function has no options of reads",
    in: "unchecked",
    find: "=> true",
    replace: "=> false",
    by: "test/cached/shortFunctions.test.ts"
  },
  {
    name: "a class that is used again after another has come is not noticed",
    in: "meetClass",
    find: "before.metBy = unknown",
    replace: "",
    by: "test/cached/sameIds.test.ts"
  },
  {
    name: "classes of a hot reload are two",
    in: "mayBeOne",
    find: "(one.position === other.position || one.query !== other.query)",
    replace: "false",
    by: "test/cached/sameIds.test.ts"
  },
  {
    name: "a marker that another process has changed counts as an old one",
    in: "make",
    find: "wasThere ? forgotten : ++seq",
    replace: "forgotten",
    by: "test/lastingStorage.test.ts"
  },
  {
    name: "the marker of another process is written over",
    in: "create",
    find: `if (!(yield* writeIfAbsent(self, id, version))) {
const winner = yield* read(self, id)`,
    replace: `if (!(yield* writeIfAbsent(self, id, version))) {
const winner = undefined as string | undefined`,
    by: "test/lastingStorage.test.ts"
  },
  {
    name: "a soft invalidation undoes a hard one of another process",
    in: "hasUndone",
    find: "hard !== undefined && hardHalf(hard) !== hardHalf(softened)",
    replace: "hard === \"\" && softened === \"\"",
    by: "test/lastingStorage.test.ts"
  },
  {
    name: "a storage's own markers are counted as entries",
    in: "hiddenIn",
    find: "(all, markers) => all - markers",
    replace: "(all) => all",
    by: "test/laws/lastingStores.test.ts"
  },
  {
    name: "a key that looks like a pattern is not warned of",
    in: "ofKey",
    find: `key.includes("*")`,
    replace: "false",
    by: "test/cached/targets.test.ts"
  },
  {
    name: "an invalidation by pattern fails the write that it follows",
    in: "invalidateMatching",
    find: "if (strict) return strictly(error)",
    replace: "return strictly(error)",
    by: "test/cached/targets.test.ts"
  },
  {
    name: "an invalidation does not wait for the commit",
    in: "afterCommit",
    find: "if (openTransaction(context) === undefined) return effect",
    replace: "return effect",
    by: "test/cached/sqlTransaction.test.ts"
  },
  {
    name: "only the client of the context tells of its commit",
    in: "clientOf",
    find: "Effect.succeed(client) : makeClient(service)",
    replace: `Effect.succeed(client) : Effect.die("no client")`,
    by: "test/cached/sqlTransaction.test.ts"
  },
  {
    name: "a fiber keeps all invalidations to repeat",
    in: "repeatAtEnd",
    find: "if (count === repeatsOfFiber) return",
    replace: "",
    by: "test/cached/sqlTransaction.test.ts"
  },
  {
    name: "requests of a transaction are answered with those around it",
    in: "groupsOf",
    find: ".flatMap((group) => split(group, openTransaction))",
    replace: "",
    by: "test/cached/sqlTransaction.test.ts"
  },
  {
    name: "limits that are functions of the key are not asked",
    in: "askTimeouts",
    find: "timeoutMillis: askTimeout(\"timeout\", request, timeout)",
    replace: "timeoutMillis: undefined",
    by: "test/cached/byFunction.test.ts"
  },
  {
    name: "one cache has the defaults of another",
    in: "rulesOf",
    find: "rules !== undefined && rules.defaults === self.readDefaults",
    replace: "rules !== undefined",
    by: "test/cached/defaults.test.ts"
  },
  {
    name: "what was written into a former database counts",
    in: "make",
    find: "if (!hasWritten || !leaveFormer(of.isFollowed !== true)) {",
    replace: "if (true) {",
    by: "test/drivers/sqlite/SqliteReplaced.test.ts"
  },
  {
    name: "who cannot start the next database comes back to the former one",
    in: "make",
    find: `if (of.look() !== "replaced") throw thrown`,
    replace: "",
    by: "test/drivers/sqlite/SqliteReplaced.test.ts"
  },
  {
    name: "locks and guards do not open again what is removed while it is opened",
    in: "make",
    find: "if (!isDetached(thrown) || reasonOf(thrown, \"open\") === \"Full\" || opens === mostOpens) throw thrown",
    replace: "throw thrown",
    by: "test/drivers/sqlite/SqliteDamage.test.ts"
  },
  {
    name: "what waits for a busy program times out, although its store does nothing",
    in: "ask",
    find: "workedMillis === undefined ? afterProgramMillis(clock, millis) : untilPassed(workedMillis, millis)",
    replace: "Effect.sleep(millis)",
    by: "test/internal/engine/storeTier/workedMillis.test.ts"
  },
  {
    name: "a store that tells wrongly how long it has worked is waited for without an end",
    in: "untilPassed",
    find: "&& leftMillis > 0",
    replace: "",
    by: "test/internal/engine/storeTier/workedMillis.test.ts"
  },
  {
    name: "what is answered during a long step has timed out",
    in: "afterProgramMillis",
    find: "isReal(clock)",
    replace: "false",
    by: "test/internal/time/programTime.test.ts"
  },
  {
    name: "a long step counts whole, of the time that a store may take",
    in: "counted",
    find: "return Math.min(limits.mostMillis, rested === 0 ? least : Math.max(least, limits.lateMillis + rested))",
    replace: "return tookMillis",
    by: "test/internal/time/programTime.test.ts"
  },
  {
    name: "under faked timers a store never times out",
    in: "isReal",
    find: "&& timers() === realTimers",
    replace: "",
    by: "test/internal/time/programTime.test.ts"
  },
  {
    name: "once timers were faked, time does not go on any more",
    in: "looking",
    find: "&& timers() === realTimers",
    replace: "",
    by: "test/internal/time/programTime.test.ts"
  },
  {
    name: "what waits by a clock of its own keeps the process alive",
    in: "startWaiting",
    find: "if (clock !== realClock) return",
    replace: "",
    by: "test/processes/leftBehind.test.ts"
  },
  {
    name: "a lease that nobody has looked for counts as free",
    in: "make",
    find: "lead(find(id, asked[1]), id, ...asked)",
    replace: "lead(looked, id, ...asked)",
    by: "test/drivers/sqlite/SqliteShared.test.ts"
  },
  {
    name: "what waits for the lock of another program has all the time of the world",
    in: "make",
    find: "slowMillis + gates.lock.waitedMillis() + gates.values.waitedMillis()",
    replace: "slowMillis",
    by: "test/drivers/sqlite/transactions/batch.test.ts"
  },
  {
    name: "thousands of operations at once count as a slow store",
    in: "make",
    find: "- operations.length * Defaults.sqliteTurns.ordinaryMillis",
    replace: "",
    by: "test/drivers/sqlite/transactions/batch.test.ts"
  },
  {
    name: "loads that have a lease end behind those that want one",
    in: "make",
    find: "goesFirst(operation) ? first : others",
    replace: "others",
    by: "test/drivers/sqlite/transactions/queue.test.ts"
  },
  {
    name: "reads of one step go on in a snapshot that is long over",
    in: "make",
    find: "if (at - beganAt < limits.longestMillis && bornIn === operations) return",
    replace: "if (bornIn === operations) return",
    by: "test/drivers/sqlite/transactions/snapshot.test.ts"
  },
  {
    name: "reads of one step miss what another store of this process has written",
    in: "make",
    find: "if (at - beganAt < limits.longestMillis && bornIn === operations) return",
    replace: "if (at - beganAt < limits.longestMillis) return",
    by: "test/drivers/sqlite/transactions/snapshot.test.ts"
  },
  {
    name: "programs that go on for long after their reads have snapshots, too",
    in: "make",
    find: "if (!isTrusted) return",
    replace: "",
    by: "test/drivers/sqlite/transactions/snapshot.test.ts"
  },
  {
    name: "what reads in pages goes on in a snapshot",
    in: "make",
    find: "      endSnapshot()\n      const next",
    replace: "      const next",
    by: "test/drivers/sqlite/transactions/snapshot.test.ts"
  },
  {
    name: "a snapshot goes on under a lock that was just taken over",
    in: "make",
    find: " finally {\n        countOperation()\n      }",
    replace: "",
    by: "test/drivers/sqlite/transactions/snapshot.test.ts"
  },
  {
    name: "a snapshot outlives the step that reads it",
    in: "make",
    find: "void now.then(endOfStep)",
    replace: "setTimeout(endOfStep, 100)",
    by: "test/drivers/sqlite/transactions/snapshot.test.ts"
  },
  {
    name: "a log that was removed is not missed",
    in: "make",
    find: `if (!isSame(now, marks.log) || !isSame(statOf(index), marks.index)) return "split"`,
    replace: "",
    by: "test/drivers/sqlite/SqliteReplaced.test.ts"
  },
  {
    name: "a folder in which nothing has changed for long is not asked again",
    in: "make",
    find: "known !== undefined && isUnchanged(statOf(directory), known)",
    replace: "known !== undefined",
    by: "test/drivers/sqlite/file/inUse.test.ts"
  },
  {
    name: "a folder that has just changed is believed to change no more",
    in: "make",
    find: "Math.max(folder.mtimeMs, folder.ctimeMs) + sameMillis",
    replace: "Math.max(folder.mtimeMs, folder.ctimeMs)",
    by: "test/drivers/sqlite/file/inUse.test.ts"
  },
  {
    name: "a folder that got its former time back has not changed",
    in: "isUnchanged",
    find: " && a!.ctimeMs === b.ctimeMs",
    replace: "",
    by: "test/drivers/sqlite/file/inUse.test.ts"
  },
  {
    name: "who has looked waits like one who was refused, because another has stored since",
    in: "make",
    find: "if (hasLooked && isBusy(thrown)) return afterwards()",
    replace: "",
    by: "test/drivers/sqlite/SqliteShared.test.ts"
  },
  {
    name: "a lease is granted as if another had not stored since the look",
    in: "make",
    find: "const afterwards = () => atomic(() => steps(false))",
    replace: "const afterwards = () => atomic(() => steps(true))",
    by: "test/drivers/sqlite/SqliteShared.test.ts"
  },
  {
    name: "what was invalidated comes back with an older copy",
    in: "make",
    find: "invalidateAgain(made)",
    replace: "",
    by: "test/drivers/sqlite/SqliteReplaced.test.ts"
  },
  {
    name: "a database cut to nothing is a new one",
    in: "wasCut",
    find: "?.size === 0",
    replace: "?.size === -1",
    by: "test/drivers/sqlite/SqliteReplaced.test.ts"
  },
  {
    name: "all who wait for the lock ask for it",
    in: "make",
    find: "if (leftMillis() > 0) throw last",
    replace: "",
    by: "test/drivers/sqlite/SqliteShared.test.ts"
  },
  {
    name: "values are stored however large the log is",
    in: "make",
    find: "if (bytes <= bound || empty(database)) return emptied()",
    replace: "return emptied()",
    by: "test/processes/fullDisk.test.ts"
  },
  {
    name: "all who write at once write in one turn",
    in: "make",
    find: "return hasWaiting() || hasTaken(limits.aloneMillis) ? later(operation) : run([operation])[0]!",
    replace: "return run([operation])[0]!",
    by: "test/drivers/sqlite/transactions/queue.test.ts"
  },
  {
    name: "groups of writes go on however long their turn has taken",
    in: "make",
    find: "while (hasWaiting() && !hasTaken(limits.turnMillis))",
    replace: "while (hasWaiting())",
    by: "test/drivers/sqlite/transactions/queue.test.ts"
  },
  {
    name: "what an operation has written before it failed stays, because others were in its transaction",
    in: "partly",
    find: `if (database.isTransaction) database.exec("ROLLBACK TO part; RELEASE part")`,
    replace: "",
    by: "test/drivers/sqlite/transactions/batch.test.ts"
  },
  {
    name: "who only reads waits for a writer, because others write in the same turn",
    in: "make",
    find: "begun = undefined",
    replace: "begun = undefined\n      begin()",
    by: "test/drivers/sqlite/transactions/batch.test.ts"
  },
  {
    name: "one operation that finds no room takes all others with it",
    in: "runAll",
    find: "return alone()\n  }\n}",
    replace: `return operations.map(({ name }) => Exit.fail(toStoreError(name, "together")))\n  }\n}`,
    by: "test/drivers/sqlite/transactions/batch.test.ts"
  },
  {
    name: "values are stored before there is room again for removing",
    in: "make",
    find: "if (!hasReserve && !takeReserve()) throw noRoom()",
    replace: "",
    by: "test/processes/fullDisk.test.ts"
  },
  {
    name: "a full disk acknowledges what it has not taken",
    in: "make",
    find: "if (!isFull(thrown) || opened === undefined || triesLeft === 0) throw thrown",
    replace: "if (!isFull(thrown) || opened === undefined) throw thrown; return undefined as A",
    by: "test/processes/fullDisk.test.ts"
  },
  {
    name: "where others have filled the disk nothing can be removed",
    in: "make",
    find: "if (!succeeds(free)) abandon(of)",
    replace: "free()",
    by: "test/processes/fullDisk.test.ts"
  },
  {
    name: "who reads for ever keeps the log growing",
    in: "make",
    find: `if (state === "current") return log?.isHopeless() === true && abandon(opened)`,
    replace: `if (state === "current") return false`,
    by: "test/processes/fullDisk.test.ts"
  },
  {
    name: "markers fill a small database for good",
    in: "make",
    find: "if (spared.length === 0 && freePages() === before) dropOthers(Math.ceil((size + slack) / pageSize))",
    replace: "",
    by: "test/drivers/sqlite/SqliteBounds.test.ts"
  },
  {
    name: "nobody is told of a marker that has given way",
    in: "dropping",
    find: `if (table === "marker") changes.markersDropped(dropped.map(({ name }) => fromColumn(name)))`,
    replace: "",
    by: "test/drivers/sqlite/SqliteBounds.test.ts"
  },
  {
    name: "a relative directory goes where the program goes",
    in: "absolute",
    find: "path.resolve(directory)",
    replace: "directory",
    by: "test/drivers/directories.test.ts"
  },
  {
    name: "many ids are one step",
    in: "inSteps",
    find: "if (items.length <= many.firstSteps)",
    replace: "if (items.length > 0)",
    by: "test/drivers/sqlite/SqliteBounds.test.ts"
  },
  {
    name: "all threads of a process write one draft",
    in: "open",
    find: "`${owner}-${process.pid}-${drafts++}.tmp`",
    replace: "`${process.pid}.tmp`",
    by: "test/processes/threads.test.ts"
  },
  {
    name: "what is no plain file is opened",
    in: "requirePlainFile",
    find: "if (!stat.isFile()) throw refused(`${file} is refused because it is no plain file`)",
    replace: "",
    by: "test/drivers/sharedFolders.test.ts"
  },
  {
    name: "new folders are for everybody who may read",
    in: "makeFolder",
    find: "mode: 0o700",
    replace: "mode: 0o755",
    by: "test/drivers/sharedFolders.test.ts"
  },
  {
    name: "a value of any size is stored",
    in: "make",
    find: "if (size > maxValue) {",
    replace: "if (size < 0) {",
    by: "test/drivers/sqlite/SqliteBounds.test.ts"
  },
  {
    name: "under a folder locks are those of the process",
    in: "folderParts",
    find: "Context.getOrUndefined(surrounding, Lock) === undefined",
    replace: "Context.getOrUndefined(surrounding, Lock) !== undefined",
    by: "test/layers/diskLock.test.ts"
  },
  {
    name: "a folder of files is measured at once",
    in: "make",
    find: "if (scan !== undefined) step(scan, filesMeasured.ofStep)",
    replace: "if (scan !== undefined) step(scan, Infinity)",
    by: "test/drivers/files/room.test.ts"
  },
  {
    name: "what is known of a database that is gone counts until the next one can be opened",
    in: "make",
    find: "if (isClosed || known === left) throw thrown",
    replace: "throw thrown",
    by: "test/drivers/sqlite/SqliteDamage.test.ts"
  },
  {
    name: "on a full disk a program cannot start",
    in: "make",
    find: "if (!isWithoutRoom || Reserve.freeBytes(directory) >= bound || !reserve.giveUp()) throw thrown",
    replace: "throw thrown",
    by: "test/processes/fullDisk.test.ts"
  },
  {
    name: "a folder that is deleted while it is opened is an error",
    in: "isDetached",
    find: `field(thrown, "code") === "ENOENT" ||`,
    replace: "",
    by: "test/drivers/sqlite/SqliteDamage.test.ts"
  },
  {
    name: "the counter of invalidations may be missing",
    in: "tags",
    find: `if (typeof value !== "number") throw damage("The counter of invalidations is missing")`,
    replace: "",
    by: "test/drivers/sqlite/SqliteBounds.test.ts"
  },
  {
    name: "tags may have any length in a frame",
    in: "tagsOf",
    find: "if (tagsEnd > end) return undefined",
    replace: "",
    by: "test/drivers/sqlite/SqliteBounds.test.ts"
  },
  {
    name: "a database stays as large as it was",
    in: "make",
    find: "isDue = above() > 0 return {",
    replace: "return {",
    by: "test/drivers/sqlite/SqliteBounds.test.ts"
  },
  {
    name: "everybody may put values into the folder",
    in: "othersOf",
    find: `if ((mode & everybody) !== 0) return "everybody"`,
    replace: "",
    by: "test/drivers/sharedFolders.test.ts"
  },
  {
    name: "who was stopped serves what was invalidated meanwhile",
    in: "polled",
    find: "monotonicMillis(clock) - lookedAt <= polling.pollMillis",
    replace: "true",
    by: "test/internal/engine/invalidation/tracking.test.ts"
  },
  {
    name: "closing does not wait for a write whose caller has gone on",
    in: "close",
    find: "flight.callers.size === 0 && !flight.isBehind",
    replace: "flight.callers.size === 0",
    by: "test/cached/waitForWrite.test.ts"
  },
  {
    name: "who asks while a value is written waits for that",
    in: "joinOrStart",
    find: "if (running.loaded !== undefined) answerIfBehind(engine, caller)",
    replace: "",
    by: "test/cached/waitForWrite.test.ts"
  },
  {
    name: "any number of writes goes on behind their callers",
    in: "isBehind",
    find: "(flight.isBehind || self.behind < writesBehind)",
    replace: "true",
    by: "test/cached/waitForWrite.test.ts"
  },
  {
    name: "strict callers do not wait for the write either",
    in: "isBehind",
    find: "!policy.strict && ",
    replace: "",
    by: "test/cached/waitForWrite.test.ts"
  },
  {
    name: "reads that are sent together all have the markers of the first",
    in: "make",
    find: "markers !== lastMarkers",
    replace: "lastMarkers === undefined",
    by: "test/servers/redisLaws.test.ts"
  },
  {
    name: "a server that is slow to say whose a write was keeps what others have changed in memory",
    in: "makeInTime",
    find: "one.done(false)",
    replace: "void one.done",
    by: "test/servers/redisTracking.test.ts"
  },
  {
    // F22
    name: "memory keeps what was changed on a server while the connection was lost",
    in: "markTracked",
    find: "if (wasTracked) return void forgetAll(self)",
    replace: "if (wasTracked) return",
    by: "test/servers/redisTracking.test.ts"
  },
  {
    name: "a load that waits for no other keeps its lease when it has failed",
    in: "acquireLease",
    find: "if (isExclusive || store.capabilities.shared) flight.lease",
    replace: "if (isExclusive) flight.lease",
    by: "test/internal/engine/flight/leases.test.ts"
  },
  {
    name: "loads of before changes were heard are not stored",
    in: "markTracked",
    find: "if (hasBegun(flight)) unshare(self, flight)",
    replace: "if (hasBegun(flight)) detach(self, flight.id)",
    by: "test/internal/engine/invalidation/following.test.ts"
  },
  {
    name: "a load of before changes were heard is waited for as long as it hangs",
    in: "endIfUnneeded",
    find: " || self.ending.get(flight.id) === flight",
    replace: "",
    by: "test/internal/engine/invalidation/following.test.ts"
  },
  {
    // F25
    name: "a server is told only once to tell of changes, and not asked whether it does",
    in: "listen",
    find: `yield* ask("CLIENT", "TRACKING", "ON", "BCAST", ...keys.tracked.flatMap((prefix) => ["PREFIX", prefix]))`,
    replace: `const told: Set<Keys> = (globalThis as any).told ??= new Set()
  if (told.has(keys)) return ask
  told.add(keys)
  yield* ask("CLIENT", "TRACKING", "ON", "BCAST", ...keys.tracked.flatMap((prefix) => ["PREFIX", prefix]))`,
    also: [{ in: "watch", find: `.includes("bcast")`, replace: `.includes("flags")` }],
    by: "test/servers/redisTracking.test.ts"
  },
  {
    // F26
    name: "a server tells nobody of the removal of what it does not have",
    in: "all",
    find: `redis.call("SET", v, "") redis.call("UNLINK", v) return 0`,
    replace: "return 0",
    by: "test/servers/redisTracking.test.ts"
  },
  {
    name: "the first marker of a tag counts as an invalidation of what is loaded with it",
    in: "heard",
    find: "isInherited(tag) || known.isKnown(tag)",
    replace: "isInherited(tag)",
    by: "test/servers/redisTracking.test.ts"
  },
  {
    name: "who may track does not tell those who may not",
    in: "make",
    find: "if (!isDeaf && areOthers === false) return",
    replace: "if (!isDeaf) return",
    by: "test/servers/redisPublished.test.ts"
  },
  {
    name: "every process publishes what it changes, though nobody listens",
    in: "make",
    find: "if (!isDeaf && areOthers === false) return",
    replace: "",
    by: "test/servers/redisPublished.test.ts"
  },
  {
    name: "the results of loads are not published",
    in: "operations",
    find: `const loadOf = (id: string): Told => ({ _tag: "Load", id })`,
    replace: `const loadOf = (_: string): Told => ({ _tag: "Load", id: "~" })`,
    by: "test/servers/redisPublished.test.ts"
  },
  {
    name: "who hears that an entry was set does not end what derives from it",
    in: "make",
    find: `for (const tag of tagsOfId(id)) offer({ _tag: "TagChanged", tag })`,
    replace: "",
    by: "test/servers/redisPublished.test.ts"
  },
  {
    name: "who was refused once never tries to track again",
    in: "follow",
    find: "Effect.sleep(limits.refusedMillis)",
    replace: "Effect.never",
    by: "test/servers/redisPublished.test.ts"
  },
  {
    name: "where some changes are missed memory is believed for ever",
    in: "follow",
    find: "if (!tier.untracked) markUntracked(self, tier) return",
    replace: "return",
    by: "test/internal/engine/invalidation/following.test.ts"
  },
  {
    name: "a user with the channels of the prefix alone is woken by no lock",
    in: "make",
    find: "allChannels: `${prefix}:*`",
    replace: "allChannels: `${prefix}:k:*`",
    by: "test/servers/redis.test.ts"
  },
  {
    name: "a server tells nobody of the removal of what another program has put there",
    in: "all",
    find: `\${tell("v")}`,
    replace: "",
    by: "test/servers/redisTracking.test.ts"
  },
  {
    name: "a server tells nobody that a transaction removes what another program has put there",
    in: "transact",
    find: `\${tell("k")}`,
    replace: "",
    by: "test/servers/redisTracking.test.ts"
  },
  {
    name: "what begins with the same in braces is in several slots of a cluster",
    in: "placeOf",
    find: "end > 1 ?",
    replace: "end > Infinity ?",
    by: "test/servers/redisTransactions.test.ts"
  },
  {
    name: "a transaction on a cluster carries out what is in its first slot, and nothing of another",
    in: "inOneSlot",
    find: "if (places.size < 2) continue",
    replace: "if (places.size < Infinity) continue",
    by: "test/servers/redisTransactions.test.ts"
  },
  {
    name: "a transaction on a cluster does not look at the tags of what is checked, where they are in another slot",
    in: "make",
    find: "if (beyond === undefined || !checked.has(id) ||",
    replace: "if (beyond !== undefined || !checked.has(id) ||",
    by: "test/servers/redisTransactions.test.ts"
  },
  {
    name: "a transaction on a cluster loses what was loaded of other slots",
    in: "make",
    find: `answer._tag === "Committed" && elsewhere.length > 0`,
    replace: `answer._tag === "Committed" && elsewhere.length < 0`,
    by: "test/servers/redisTransactions.test.ts"
  },
  {
    name: "a transaction on a cluster leaves the markers of what it writes",
    in: "toAsked",
    find: `step("S", add(...keysOfWrite(one.id, isCluster)), ...write(one.entry, one.id))`,
    replace:
      `step("S", add(...keysOfWrite(one.id, isCluster).filter(([kind]) => kind !== "d"), ["v", one.id]), ...write(one.entry, one.id))`,
    by: "test/servers/redisDerived.test.ts"
  },
  {
    name: "a transaction reads what derives from what it has written",
    in: "isEnded",
    find: "self.writes.size > 0 &&",
    replace: "self.writes.size < 0 &&",
    by: "test/cached/derived.test.ts"
  },
  {
    name: "a transaction conflicts with what it has ended itself",
    in: "rememberCondition",
    find: "ended === undefined ?",
    replace: "ended !== null ?",
    by: "test/transaction/transaction.test.ts"
  },
  {
    name: "a look-up inside a transaction finds nothing where the store does not answer",
    in: "below",
    find: `purpose === "cached" || root.bypasses ? undefined`,
    replace: `purpose !== undefined || root.bypasses ? undefined`,
    by: "test/transaction/failures.test.ts"
  },
  {
    name: "a read of many inside a load waits for markers for longer than its timeout",
    in: "captureMany",
    find: "return longest === Infinity",
    replace: "return longest > 0",
    by: "test/cached/derived.test.ts"
  },
  {
    name: "the locks of a transaction are renewed and released in one turn",
    in: "inPieces",
    find: "if (all.length <= size) return run(all)",
    replace: "if (all.length > 0) return run(all)",
    by: "test/transaction/locks.test.ts"
  },
  {
    name: "each process clears a server that came back empty, one after the other",
    in: "make",
    find: "if (!isCleared || fresh.formerRun === undefined) return",
    replace: "if (isCleared || fresh.formerRun === undefined) return",
    by: "test/servers/redisFailures.test.ts"
  }
]
