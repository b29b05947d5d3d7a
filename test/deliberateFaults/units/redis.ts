/** Deliberate faults of stores on Redis. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "a connection that was lost to large values says nothing about the next ones",
    in: "readInParts",
    find: "4 * bytes / part.length",
    replace: "0",
    by: "test/servers/redisLargeValues.test.ts"
  },
  {
    name: "large values are read as many at once as small ones",
    in: "readInParts",
    find: "Math.max(many.firstSteps, Math.floor(bytes / self.valueBytes))",
    replace: "Limits.keysAtOnce",
    by: "test/servers/redisLargeValues.test.ts"
  },
  {
    name: "reads that are sent together all have the markers of the first",
    in: "place",
    find: "read.markers !== session.lastMarkers",
    replace: "session.lastMarkers === undefined",
    by: "test/servers/timed/redisLaws.test.ts"
  },
  {
    name: "a clock that is set between two heartbeats moves the deadlines of what is stored",
    in: "offsetOf",
    find: "Number.isNaN(jump) ||",
    replace: "Number.isFinite(jump) ||",
    by: "test/servers/redisClock.test.ts"
  },
  {
    name: "the results of loads are not published",
    in: "addLoad",
    find: `{ _tag: "Load", id }`,
    replace: `{ _tag: "Load", id: "~" }`,
    by: "test/servers/redisPublished.test.ts"
  },
  {
    name: "a process notified of a set does not end what derives from it",
    in: "changesIn",
    find: "endsMarkers: true",
    replace: "endsMarkers: false",
    by: "test/servers/redisDerived.test.ts"
  },
  {
    name: "a process that was refused once never tries to track again",
    in: "follow",
    find: "Effect.sleep(Limits.tracking.refusedMillis)",
    replace: "Effect.never",
    by: "test/servers/redisPublished.test.ts"
  },
  {
    name: "a user with the channels of the prefix alone is woken by no lock",
    in: "make",
    find: "released: `${prefix}:k`",
    replace: "released: `${prefix} k`",
    by: "test/servers/redis.test.ts"
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
    in: "attempt",
    find: "if (beyond === undefined ||",
    replace: "if (beyond !== undefined ||",
    by: "test/servers/redisTransactions.test.ts"
  },
  {
    name: "a transaction on a cluster loses what was loaded of other slots",
    in: "onCluster",
    find: `answer._tag === "Committed" && elsewhere.length > 0`,
    replace: `answer._tag === "Committed" && elsewhere.length < 0`,
    by: "test/servers/redisTransactions.test.ts"
  },
  {
    name: "each process clears a server that came back empty, one after the other",
    in: "recover",
    find: "if (!isCleared || fresh.formerRun === undefined) return",
    replace: "if (isCleared || fresh.formerRun === undefined) return",
    by: "test/servers/timed/redisFailures.test.ts"
  },
  {
    name: "a removal finds an entry that had ended when it was written",
    in: "ttlOf",
    find: "Math.max(0,",
    replace: "Math.max(1,",
    by: "test/servers/redis.test.ts"
  },
  {
    name: "an answer that is no list ends the process",
    in: "list",
    find: "Array.isArray(answer) ? answer : []",
    replace: "answer as ReadonlyArray<unknown>",
    by: "test/servers/redisDamage.test.ts"
  },
  {
    name: "a key of ours that holds another kind of value stays as it is",
    in: "ownOf",
    find: `redis.call("UNLINK", k)`,
    replace: "k = k",
    by: "test/servers/redisDamagedKeys.test.ts"
  },
  {
    name: "a failure note of another kind keeps a lease from being granted",
    in: "granted",
    find: "local note = textOf(f)",
    replace: `local note = redis.call("GET", f)`,
    by: "test/servers/redisDamagedKeys.test.ts"
  },
  {
    name: "a lease without an end keeps an id from being loaded",
    in: "acquire",
    find: `not (held[1] and held[1] ~= "" and ends and length)`,
    replace: "not held[1]",
    by: "test/servers/redisDamagedKeys.test.ts"
  },
  {
    name: "what is a number and no counter is counted on",
    in: "counterOf",
    find: `not string.find(value, "^-?%d+$")`,
    replace: "not number",
    by: "test/servers/redisDamagedKeys.test.ts"
  },
  {
    name: "one damaged counter ends a listing of the others",
    in: "withoutDamage",
    find: `answer.reason === "Corrupt"`,
    replace: "answer.reason === undefined",
    by: "test/servers/redisDamagedKeys.test.ts"
  },
  {
    name: "the state of a guard that is damaged stays",
    in: "healing",
    find: `redis.call("UNLINK", g)`,
    replace: "g = g",
    by: "test/servers/redisDamagedKeys.test.ts"
  },
  {
    name: "the damaged time of a server keeps its successor from being used",
    in: "recover",
    find: `["MGET", keys.timeOf(fresh.formerRun ?? "")]`,
    replace: `["GET", keys.timeOf(fresh.formerRun ?? "")]`,
    by: "test/servers/redisDamagedKeys.test.ts"
  },
  {
    name: "the last token of a lock that is none keeps the lock from everyone",
    in: "locks",
    find: `tonumber(toCount(textOf(i)) or "0")`,
    replace: `tonumber(textOf(i) or "0")`,
    by: "test/servers/redisDamagedKeys.test.ts"
  },
  {
    name: "a server may evict a lock that is held",
    in: "readLock",
    find: "token, ends, length, owner))",
    replace: `token, ends, length, owner), "PX", length)`,
    by: "test/servers/redisLostReleases.test.ts"
  },
  {
    name: "the locks of the dead stay for ever",
    in: "sweepLocks",
    find: "if (answer === null) return",
    replace: "if (answer !== undefined) return",
    by: "test/servers/redisLostReleases.test.ts"
  },
  {
    name: "the names that a transaction has locked stay for a day",
    in: "releaseMany",
    find: "forgets: true",
    replace: "forgets: false",
    by: "test/servers/redisLostReleases.test.ts"
  },
  {
    name: "what a server granted in an answer that was lost is kept until its end",
    in: "lost",
    find: "new Lost(",
    replace: "new Fault(",
    by: "test/servers/redisLostReleases.test.ts"
  },
  {
    name: "what could not be released at once is kept until its end",
    in: "pay",
    find: "add(self, name, debt)",
    replace: "all.delete(name)",
    by: "test/servers/redisLostReleases.test.ts"
  },
  {
    name: "a program that never reached a server does not learn that it can be required",
    in: "unreached",
    find: "return isLasting ?",
    replace: "return hint ?",
    by: "test/servers/redis.test.ts"
  },
  {
    name: "changes of a server that is far away are never followed",
    in: "answerMillis",
    find: "Math.max(Limits.tracking.answerMillis, 3 * questions * distanceMillis())",
    replace: "Limits.tracking.answerMillis + 0 * questions * distanceMillis()",
    by: "test/servers/redisDistance.test.ts"
  },
  {
    name: "a short answer counts only while the program is free",
    in: "compareClocks",
    find: "tookMillis < distanceMillis",
    replace: "false",
    by: "test/servers/redisDistance.test.ts"
  },
  {
    name: "the distance of a server is not measured",
    in: "wasFree",
    find: "Number.isNaN(rested) || rested >= tookMillis / 2",
    replace: "Number.isNaN(rested + tookMillis)",
    by: "test/servers/redisDistance.test.ts"
  },
  {
    name: "a server whose keys were removed goes unnoticed",
    in: "lookAtEra",
    find: `if (present === undefined || present !== ownEra) self.offer({ _tag: "AllChanged" })`,
    replace: "",
    by: "test/servers/redisTracking.test.ts"
  },
  {
    name: "a script that runs elsewhere while its slot moves reaches no subscriber",
    in: "tellOwner",
    find: "toOwner === undefined ||",
    replace: "",
    also: [{
      in: "tellOwner",
      find: "else Connection.send(owner, toOwner, () => done(answer))",
      replace: "else done(answer)"
    }],
    by: "test/servers/redisPublished.test.ts"
  },
  {
    name: "several tags cannot be invalidated while their slot moves",
    in: "sendPart",
    find: `given.code === "TRYAGAIN"`,
    replace: "false",
    by: "test/servers/redisPublished.test.ts"
  },
  {
    name: "a user who may not publish changes values, and no process learns of it",
    in: "era",
    find: `try("\${publish(isCluster)}", channel, silence)`,
    replace: "",
    by: "test/servers/redisPublished.test.ts"
  },
  {
    name: "a layer without memory subscribes",
    in: "track",
    find: "(self.memory.capacity > 0 || capabilities.copies === true)",
    replace: "true",
    by: "test/servers/redisPublished.test.ts"
  },
  {
    name: "a lease that is asked for after a write in the same turn is granted before it",
    in: "sendTurn",
    find: "if ((kinds.get(id) ?? kind) !== kind) sendAll()",
    replace: "",
    by: "test/servers/redisTurns.test.ts"
  },
  {
    name: "each write of a turn is a script of its own",
    in: "partsOf",
    find: "last.part.length === ids",
    replace: "last.part.length < Infinity",
    by: "test/servers/redisTurns.test.ts"
  },
  {
    name: "all writes of a turn have the answer of one of them",
    in: "sendPart",
    find: "answers[i]",
    replace: "answers[0]",
    by: "test/servers/redisTurns.test.ts"
  },
  {
    name: "invalidations of a turn are messages of their own on a cluster",
    in: "partsOf",
    find: "hashOf(idOf(item))",
    replace: "idOf(item)",
    by: "test/servers/redisTurns.test.ts"
  }
]
