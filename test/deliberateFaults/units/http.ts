/** Deliberate faults of the HTTP client: each gives a wrong answer, to a wrong user, or keeps what should be gone. */
import type { UnitFault } from "../fault.ts"

const client = "test/http/client.test.ts"
const middleware = "test/http/middleware.test.ts"
const attacks = "test/http/attacks.test.ts"
const hangs = "test/http/originsThatHang.test.ts"
const sockets = "test/http/sockets.test.ts"
const serverSchedules = "test/http/serverSchedules.test.ts"
const strangers = "test/http/clientsDoNotWaitForEachOther.test.ts"
const endpoints = "test/http/endpoints.test.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "a middleware within another one of the same cache answers the request again",
    in: "answerWith",
    find: "outer.href === resource.named.href",
    replace: "outer.href === \"\"",
    by: middleware
  },
  {
    name: "a response to someone whose API key was checked inside the cache is stored for all",
    in: "judged",
    find: "isForAll: saysSo,",
    replace: "isForAll: true,",
    by: endpoints
  },
  {
    name: "under cacheControl, a user with an API key gets what one without a key got",
    in: "placeOf",
    find: `by === undefined ? "" : "~", by`,
    replace: `"", by`,
    also: [{ in: "mayAnswer", find: "isForAll || isAnonymous ||", replace: "isForAll || !isAnonymous ||" }],
    by: middleware
  },
  {
    name: "after a soft purge, an answer to HEAD makes any version fresh",
    in: "afterHead",
    find: "isSoft(entry) ?",
    replace: "isSoft(entry) && met === undefined ?",
    by: strangers
  },
  {
    name: "after a soft purge, a failure of the handler leaves the response fresh",
    in: "strategyOf",
    find: "? \"Load\" :",
    replace: "? \"LoadOrStale\" :",
    by: middleware
  },
  {
    name: "after a soft purge, a failure of the handler reaches callers that the stale response may answer",
    in: "looked",
    find: "failed(call, variant, cause)",
    replace: "failed(call, undefined, cause)",
    by: middleware
  },
  {
    name: "what a handler has acquired for a body that no one reads is kept",
    in: "lasting",
    find: "isEmpty ? Effect.succeed(given) : Effect.as(closed, given)",
    replace: "Effect.succeed(given)",
    by: middleware
  },
  {
    name: "a load in the background keeps what its handler acquires only for the request that began it",
    in: "load",
    find: "call.isBackground\n",
    replace: "call.isBackground && call.own !== undefined\n",
    by: middleware
  },
  {
    name: "in an outage, the bodies of failures hold their connections",
    in: "discard",
    find: "Stream.runDrain(first)",
    replace: "Stream.runDrain(Stream.empty)",
    by: client
  },
  {
    name: "what a handler annotates is lost where its response passes",
    in: "handle",
    find: "{ annotations: undefined }",
    replace: "undefined",
    by: middleware
  },
  {
    name: "a range is taken out of a body that is of any version",
    in: "isSame",
    find: "isPart &&",
    replace: "!isPart && status === 0 &&",
    by: client
  },
  {
    name: "in an outage, a stale response answers only the first of the callers",
    in: "alone",
    find: "insteadOf(call, stale, met.response,",
    replace: "insteadOf(call, undefined, met.response,",
    by: client
  },
  {
    name: "in an outage, a range is not cut out of the stale response",
    in: "part",
    find: "insteadOf(call, whole,",
    replace: "insteadOf(call, undefined,",
    by: client
  },
  {
    name: "a 304 confirms a response whose body has gone meanwhile",
    in: "asked",
    find: "confirmed: there ? confirmed : undefined,",
    replace: "confirmed,",
    by: client
  },
  {
    name: "waiters of a response that may not be shared get it",
    in: "mayAnswer",
    find: "matches(varying, fields) &&",
    replace: "matches({}, fields) &&",
    by: client
  },
  {
    name: "what a redirect led to is stored under the first URL",
    in: "isRedirected",
    find: "!== url.href",
    replace: `=== ""`,
    by: attacks
  },
  {
    name: "the partition is no part of the key of an endpoint",
    in: "keysOf",
    find: "JSON.stringify(one)",
    replace: "JSON.stringify(one.length < 0)",
    by: endpoints
  },
  {
    name: "a request waits for the load of another one as long as it takes",
    in: "awaited",
    find: "call.hasBegun ? Effect.never",
    replace: "!call.hasBegun ? Effect.never",
    by: hangs
  },
  {
    name: "a client that leaves does not end its run",
    in: "answerWith",
    find: "Effect.interruptible(answer(call))",
    replace: "answer(call)",
    by: hangs
  },
  {
    name: "a route that nothing may interrupt is interrupted",
    in: "handle",
    find: "isInterruptible ? Effect.interruptible(kept) : Effect.uninterruptible(kept)",
    replace: "Effect.interruptible(kept)",
    by: hangs
  },
  {
    name: "a 304 that forbids to store leaves what is stored",
    in: "drop",
    find: "inBackground(self, Cached.remove(place.key))",
    replace: "void [self, place]",
    by: sockets
  },
  {
    name: "a cookie that is set as a field is stored",
    in: "cookiesOf",
    find: "isRepeated ? set : [...set, field]",
    replace: "set",
    by: sockets
  },
  {
    name: "a reader that was too slow gets a part twice",
    in: "restOf",
    find: "chunk.subarray(known.length)",
    replace: "chunk.subarray(0)",
    by: strangers
  },
  {
    name: "the variants of other users are offered to the origin",
    in: "othersOf",
    find: "!known.names.every((name) => isHarmless(name, self.harmless))",
    replace: "known.names.length < 0",
    by: "test/http/whoMayGet.test.ts"
  },
  {
    name: "a response that an update has removed is served",
    in: "strategyOf",
    find: "entry === undefined || now >= entry.expiresAt ||",
    replace: "entry === undefined ||",
    by: serverSchedules
  },
  {
    name: "a 304 confirms a response that has taken the place of another",
    in: "otherOf",
    find: "variant?.id === one.id &&",
    replace: "variant !== undefined &&",
    by: serverSchedules
  },
  {
    name: "a 304 leaves the variant under its former Vary",
    in: "judged",
    find: `varying: varyingOf(fields["vary"], head.fields)`,
    replace: `varying: before?.varying ?? varyingOf(fields["vary"], head.fields)`,
    by: serverSchedules
  },
  {
    name: "the additions of pre-response handlers inside the cache are lost in hits",
    in: "handle",
    find: "isLoad ? finished(bounded) : bounded",
    replace: "bounded",
    by: sockets
  }
]
