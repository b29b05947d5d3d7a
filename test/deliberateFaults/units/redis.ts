/** Deliberate faults of stores on Redis. */
import { foundBy, type UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  ...foundBy("test/servers/redisLargeValues.test.ts", [
    [
      "a connection that was lost to large values says nothing about the next ones",
      "readInParts",
      "4 * bytes / part.length",
      "0"
    ],
    [
      "large values are read as many at once as small ones",
      "readInParts",
      "Math.max(many.firstSteps, Math.floor(bytes / self.valueBytes))",
      "Limits.keysAtOnce"
    ]
  ]),
  ...foundBy("test/servers/timed/redisLaws.test.ts", [
    [
      "reads that are sent together all have the markers of the first",
      "place",
      "read.markers !== session.lastMarkers",
      "session.lastMarkers === undefined"
    ]
  ]),
  ...foundBy("test/servers/redisClock.test.ts", [
    [
      "a clock that is set between two heartbeats moves the deadlines of what is stored",
      "offsetOf",
      "Number.isNaN(jump) ||",
      "Number.isFinite(jump) ||"
    ]
  ]),
  ...foundBy("test/servers/redisPublished.test.ts", [
    ["the results of loads are not published", "addLoad", `{ _tag: "Load", id }`, `{ _tag: "Load", id: "~" }`],
    [
      "a process that was refused once never tries to track again",
      "follow",
      "Effect.sleep(Limits.tracking.refusedMillis)",
      "Effect.never"
    ],
    [
      "a script that runs elsewhere while its slot moves reaches no subscriber",
      "tellOwner",
      "toOwner === undefined ||",
      "",
      {
        also: [{
          in: "tellOwner",
          find: "else Connection.send(owner, toOwner, () => done(answer))",
          replace: "else done(answer)"
        }]
      }
    ],
    ["several tags cannot be invalidated while their slot moves", "sendPart", `given.code === "TRYAGAIN"`, "false"],
    [
      "a user who may not publish changes values, and no process learns of it",
      "rightsOf",
      "[publish(isCluster), keys.changesOf(isCluster ? keys.controlTag : undefined), silence],",
      ""
    ],
    ["a layer without memory subscribes", "track", "(self.memory.capacity > 0 || capabilities.copies === true)", "true"]
  ]),
  ...foundBy("test/servers/redisDerived.test.ts", [
    [
      "a process notified of a set does not end what derives from it",
      "changesIn",
      "endsMarkers: true",
      "endsMarkers: false"
    ]
  ]),
  ...foundBy("test/servers/redis.test.ts", [
    [
      "a user with the channels of the prefix alone is woken by no lock",
      "make",
      "released: `${prefix}:k`",
      "released: `${prefix} k`"
    ],
    ["a removal finds an entry that had ended when it was written", "ttlOf", "Math.max(0,", "Math.max(1,"],
    [
      "a program that never reached a server does not learn that it can be required",
      "unreached",
      "return isLasting ?",
      "return hint ?"
    ]
  ]),
  ...foundBy("test/servers/redisTransactions.test.ts", [
    [
      "what begins with the same in braces is in several slots of a cluster",
      "placeOf",
      "end > 1 ?",
      "end > Infinity ?"
    ],
    [
      "a transaction on a cluster carries out what is in its first slot, and nothing of another",
      "inOneSlot",
      "if (places.size < 2) continue",
      "if (places.size < Infinity) continue"
    ],
    [
      "a transaction on a cluster does not look at the tags of what is checked, where they are in another slot",
      "attempt",
      "if (beyond === undefined ||",
      "if (beyond !== undefined ||"
    ],
    [
      "a transaction on a cluster loses what was loaded of other slots",
      "onCluster",
      `answer._tag === "Committed" && elsewhere.length > 0`,
      `answer._tag === "Committed" && elsewhere.length < 0`
    ]
  ]),
  ...foundBy("test/servers/timed/redisFailures.test.ts", [
    [
      "each process clears a server that came back empty, one after the other",
      "recover",
      "if (!isCleared || fresh.formerRun === undefined) return",
      "if (isCleared || fresh.formerRun === undefined) return"
    ]
  ]),
  ...foundBy("test/servers/redisDamage.test.ts", [
    [
      "an answer that is no list ends the process",
      "list",
      "Array.isArray(answer) ? answer : []",
      "answer as ReadonlyArray<unknown>"
    ]
  ]),
  ...foundBy("test/servers/redisDamagedKeys.test.ts", [
    ["a key of ours that holds another kind of value stays as it is", "ownOf", `redis.call("UNLINK", k)`, "k = k"],
    [
      "a failure note of another kind keeps a lease from being granted",
      "granted",
      "local note = textOf(f)",
      `local note = redis.call("GET", f)`
    ],
    [
      "a lease without an end keeps an id from being loaded",
      "acquire",
      `not (held[1] and held[1] ~= "" and ends and length)`,
      "not held[1]"
    ],
    ["what is a number and no counter is counted on", "counterOf", `not string.find(value, "^-?%d+$")`, "not number"],
    [
      "one damaged counter ends a listing of the others",
      "withoutDamage",
      `answer.reason === "Corrupt"`,
      "answer.reason === undefined"
    ],
    ["the state of a guard that is damaged stays", "healing", `redis.call("UNLINK", g)`, "g = g"],
    [
      "the damaged time of a server keeps its successor from being used",
      "recover",
      `["MGET", keys.timeOf(fresh.formerRun ?? "")]`,
      `["GET", keys.timeOf(fresh.formerRun ?? "")]`
    ],
    [
      "the last token of a lock that is none keeps the lock from everyone",
      "locks",
      `tonumber(toCount(textOf(i)) or "0")`,
      `tonumber(textOf(i) or "0")`
    ]
  ]),
  ...foundBy("test/servers/redisLostReleases.test.ts", [
    [
      "a server may evict a lock that is held",
      "readLock",
      "token, ends, length, owner))",
      `token, ends, length, owner), "PX", length)`
    ],
    [
      "the locks of the dead stay for ever",
      "sweepLocks",
      "if (answer === null) return",
      "if (answer !== undefined) return"
    ],
    ["the names that a transaction has locked stay for a day", "releaseMany", "forgets: true", "forgets: false"],
    ["what a server granted in an answer that was lost is kept until its end", "lost", "new Lost(", "new Fault("],
    ["what could not be released at once is kept until its end", "pay", "add(self, name, debt)", "all.delete(name)"]
  ]),
  ...foundBy("test/servers/redisDistance.test.ts", [
    [
      "changes of a server that is far away are never followed",
      "answerMillis",
      "Math.max(Limits.tracking.answerMillis, 3 * questions * distanceMillis())",
      "Limits.tracking.answerMillis + 0 * questions * distanceMillis()"
    ],
    ["a short answer counts only while the program is free", "compareClocks", "tookMillis < distanceMillis", "false"],
    [
      "the distance of a server is not measured",
      "wasFree",
      "Number.isNaN(rested) || rested >= tookMillis / 2",
      "Number.isNaN(rested + tookMillis)"
    ]
  ]),
  ...foundBy("test/servers/redisTracking.test.ts", [
    [
      "a server whose keys were removed goes unnoticed",
      "lookAtEra",
      `if (present === undefined || present !== ownEra) self.offer({ _tag: "AllChanged" })`,
      ""
    ]
  ]),
  ...foundBy("test/servers/redisTurns.test.ts", [
    [
      "a lease that is asked for after a write in the same turn is granted before it",
      "sendTurn",
      "if ((kinds.get(id) ?? kind) !== kind) sendAll()",
      ""
    ],
    [
      "each write of a turn is a script of its own",
      "partsOf",
      "last.part.length === ids",
      "last.part.length < Infinity"
    ],
    ["all writes of a turn have the answer of one of them", "sendPart", "answers[i]", "answers[0]"],
    ["invalidations of a turn are messages of their own on a cluster", "partsOf", "hashOf(idOf(item))", "idOf(item)"]
  ]),
  ...foundBy("test/servers/redisGuards.test.ts", [
    [
      "a number of a guard that no step has written counts",
      "prelude",
      "value and value >= 0 and value < math.huge",
      "value"
    ],
    [
      "the state of a guard is lost with a right",
      "healing",
      `string.find(said, "WRONGTYPE") or`,
      `string.find(said, "") or`
    ]
  ])
]
