/** Deliberate faults of the HTTP client: each gives a wrong answer, to a wrong user, or keeps what should be gone. */
import { foundBy, type UnitFault } from "../fault.ts"

const client = "test/http/client.test.ts"
const middleware = "test/http/middleware.test.ts"
const attacks = "test/http/attacks.test.ts"
const hangs = "test/http/originsThatHang.test.ts"
const sockets = "test/http/sockets.test.ts"
const serverSchedules = "test/http/serverSchedules.test.ts"
const strangers = "test/http/clientsDoNotWaitForEachOther.test.ts"
const endpoints = "test/http/endpoints.test.ts"

export const faults: ReadonlyArray<UnitFault> = [
  ...foundBy(middleware, [
    [
      "a middleware within another one of the same cache answers the request again",
      "answerWith",
      "outer.href === resource.named.href",
      "outer.href === \"\""
    ],
    [
      "under cacheControl, a user with an API key gets what one without a key got",
      "placeOf",
      `by === undefined ? "" : "~", by`,
      `"", by`,
      { also: [{ in: "mayAnswer", find: "isForAll || isAnonymous ||", replace: "isForAll || !isAnonymous ||" }] }
    ],
    [
      "after a soft purge, a failure of the handler leaves the response fresh",
      "strategyOf",
      "? \"Load\" :",
      "? \"LoadOrStale\" :"
    ],
    [
      "after a soft purge, a failure of the handler reaches callers that the stale response may answer",
      "looked",
      "failed(call, variant, cause)",
      "failed(call, undefined, cause)"
    ],
    [
      "what a handler has acquired for a body that no one reads is kept",
      "lasting",
      "isEmpty ? Effect.succeed(given) : Effect.as(closed, given)",
      "Effect.succeed(given)"
    ],
    [
      "a load in the background keeps what its handler acquires only for the request that began it",
      "load",
      "call.isBackground\n",
      "call.isBackground && call.own !== undefined\n"
    ],
    ["what a handler annotates is lost where its response passes", "handle", "{ annotations: undefined }", "undefined"]
  ]),
  ...foundBy(endpoints, [
    [
      "a response to someone whose API key was checked inside the cache is stored for all",
      "judged",
      "isForAll: saysSo,",
      "isForAll: true,"
    ],
    [
      "the partition is no part of the key of an endpoint",
      "keysOf",
      "JSON.stringify(one)",
      "JSON.stringify(one.length < 0)"
    ]
  ]),
  ...foundBy(strangers, [
    [
      "after a soft purge, an answer to HEAD makes any version fresh",
      "afterHead",
      "isSoft(entry) ?",
      "isSoft(entry) && met === undefined ?"
    ],
    ["a reader that was too slow gets a part twice", "restOf", "chunk.subarray(known.length)", "chunk.subarray(0)"]
  ]),
  ...foundBy(client, [
    [
      "in an outage, the bodies of failures hold their connections",
      "discard",
      "Stream.runDrain(first)",
      "Stream.runDrain(Stream.empty)"
    ],
    ["a range is taken out of a body that is of any version", "isSame", "isPart &&", "!isPart && status === 0 &&"],
    [
      "in an outage, a stale response answers only the first of the callers",
      "alone",
      "insteadOf(call, stale, met.response,",
      "insteadOf(call, undefined, met.response,"
    ],
    [
      "in an outage, a range is not cut out of the stale response",
      "part",
      "insteadOf(call, whole,",
      "insteadOf(call, undefined,"
    ],
    [
      "a 304 confirms a response whose body has gone meanwhile",
      "asked",
      "confirmed: there ? confirmed : undefined,",
      "confirmed,"
    ],
    [
      "waiters of a response that may not be shared get it",
      "mayAnswer",
      "matches(varying, fields) &&",
      "matches({}, fields) &&"
    ]
  ]),
  ...foundBy(attacks, [
    ["what a redirect led to is stored under the first URL", "isRedirected", "!== url.href", `=== ""`]
  ]),
  ...foundBy(hangs, [
    [
      "a request waits for the load of another one as long as it takes",
      "awaited",
      "call.hasBegun ? Effect.never",
      "!call.hasBegun ? Effect.never"
    ],
    ["a client that leaves does not end its run", "answerWith", "Effect.interruptible(answer(call))", "answer(call)"],
    [
      "a route that nothing may interrupt is interrupted",
      "handle",
      "isInterruptible ? Effect.interruptible(kept) : Effect.uninterruptible(kept)",
      "Effect.interruptible(kept)"
    ]
  ]),
  ...foundBy(sockets, [
    [
      "a 304 that forbids to store leaves what is stored",
      "drop",
      "inBackground(self, Cached.remove(place.key))",
      "void [self, place]"
    ],
    ["a cookie that is set as a field is stored", "cookiesOf", "isRepeated ? set : [...set, field]", "set"],
    [
      "the additions of pre-response handlers inside the cache are lost in hits",
      "handle",
      "isLoad ? finished(bounded) : bounded",
      "bounded"
    ]
  ]),
  ...foundBy("test/http/whoMayGet.test.ts", [
    [
      "the variants of other users are offered to the origin",
      "othersOf",
      "!known.names.every((name) => isHarmless(name, self.harmless))",
      "known.names.length < 0"
    ]
  ]),
  ...foundBy(serverSchedules, [
    [
      "a 304 confirms a response that has taken the place of another",
      "otherOf",
      "variant?.id === one.id &&",
      "variant !== undefined &&"
    ],
    [
      "a 304 leaves the variant under its former Vary",
      "judged",
      `varying: varyingOf(fields["vary"], head.fields)`,
      `varying: before?.varying ?? varyingOf(fields["vary"], head.fields)`
    ]
  ])
]
