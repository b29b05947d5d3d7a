/** Deliberate faults of the HTTP client: each gives a wrong answer, to a wrong user, or keeps what should be gone. */
import type { UnitFault } from "../fault.ts"

const client = "test/http/client.test.ts"
const middleware = "test/http/middleware.test.ts"
const attacks = "test/http/attacks.test.ts"
const hangs = "test/http/originsThatHang.test.ts"
const serverAttacks = "test/http/serverAttacks.test.ts"
const sockets = "test/http/sockets.test.ts"
const serverSchedules = "test/http/serverSchedules.test.ts"
const strangers = "test/http/clientsDoNotWaitForEachOther.test.ts"
const endpoints = "test/http/endpoints.test.ts"
const endpointAttacks = "test/http/endpointAttacks.test.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "a middleware within another one of the same cache answers the request again",
    in: "answerWith",
    find: "outer.href === resource.named.href",
    replace: "outer.href === \"\"",
    by: middleware
  },
  {
    name: "cookies are no part of the key of a response",
    in: "digests",
    find: "!isHarmless(name, harmless)",
    replace: "!isHarmless(name, harmless) && name !== \"cookie\"",
    by: client
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
    name: "bodies that have been replaced fill memory",
    in: "outdate",
    find: "if (body === null)",
    replace: "if (body === null && id === \"\")",
    by: middleware
  },
  {
    name: "a body that is cut short counts as complete",
    in: "measured",
    find: "left === 0",
    replace: "left >= 0",
    by: client
  },
  {
    name: "a large body that is used counts as unused for the eviction policy",
    in: "bytesOf",
    find: "clock.currentTimeMillisUnsafe() > whole.until",
    replace: "clock.currentTimeMillisUnsafe() < 0",
    by: middleware
  },
  {
    name: "a response that a middleware of its endpoint has checked is stored for all",
    in: "ofEndpoint",
    find: "&& middlewares.size === 0",
    replace: "",
    by: endpoints
  },
  {
    name: "a response that depends on declared headers is stored for all",
    in: "ofEndpoint",
    find: "&& headers === undefined",
    replace: "",
    by: endpoints
  },
  {
    name: "after a soft purge, the variants that were not asked for are fresh",
    in: "variantOf",
    find: "softExpiresAt === -Infinity ? staled(variant) : variant",
    replace: "variant",
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
    name: "a short body of a wrong length is stored beside its fields",
    in: "store",
    find: "body.length === length ?",
    replace: "body.length <= length ?",
    by: client
  },
  {
    name: "a body is read again from where its reader has left it",
    in: "once",
    find: "if (arrival.hasBegun)",
    replace: "if (false)",
    by: client
  },
  {
    name: "a stored body is loaded again where a policy says so, although it cannot be",
    in: "bodyStream",
    find: "arrival === undefined || arrival.hasBegun ?",
    replace: "arrival !== undefined && arrival.hasBegun ?",
    by: client
  },
  {
    name: "a body that has gone is replaced by that of another version",
    in: "orAgain",
    find: "if (!isRedirected(call, response) && isSame(variant, response, isPart))",
    replace: "if (response.status === 200)",
    by: client
  },
  {
    name: "a body that is loaded again is made without the services of its request",
    in: "originOf",
    find: "Context.merge(parts.context, own)",
    replace: "own",
    by: middleware
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
    name: "what a handler has acquired is released before its body is read",
    in: "lasting",
    find: "Exit.isFailure(exit) || isSent(exit.value) ?",
    replace: "Exit.isFailure(exit) || exit.value !== undefined ?",
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
    name: "a body whose caller has the version already is not read",
    in: "readAlone",
    find: "readOn(true)",
    replace: "readOn(false)",
    by: client
  },
  {
    name: "a body ends with its first reader, although another caller has its head",
    in: "once",
    find: "arrival.readOn()",
    replace: "",
    by: client
  },
  {
    name: "an answer to HEAD updates what has been stored after the request",
    in: "afterHead",
    find: "variant === null || variant.responseTime > met.requestTime",
    replace: "variant === null",
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
    name: "a 304 of another origin, after a redirect, renews what is stored",
    in: "asked",
    find: " || isRedirected(call, met.response)",
    replace: "",
    by: attacks
  },
  {
    name: "a shared cache takes no notice of the user in a URL",
    in: "fieldsOf",
    find: `username + password === ""`,
    replace: `username !== "?"`,
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
    name: "a server stores what a handler says nothing about for requests with cookies",
    in: "saying",
    find: "if (by !== undefined) return as(by)",
    replace: "if (by === undefined && false) return as(by)",
    by: middleware
  },
  {
    name: "a server stores the cookies of a 304",
    in: "judged",
    find: "self.storesCookies || cookies.length === 0",
    replace: "self.storesCookies || response.status === 304",
    by: middleware
  },
  {
    name: "a server and a client share their responses",
    in: "namesOf",
    find: `resourceAt("server ", sent.url)`,
    replace: `resourceAt("private ", sent.url)`,
    by: middleware
  },
  {
    name: "a server stores by heuristics",
    in: "judged",
    find: `self.scope !== "server"`,
    replace: "true",
    by: middleware
  },
  {
    name: "fields outside the key steer a handler",
    in: "isHidden",
    find: "steering.has(name.toLowerCase()) ||",
    replace: "steering.has(\"\") ||",
    by: sockets
  },
  {
    name: "a purge needs no secret",
    in: "purged",
    find: "!isSame(given, Redacted.value(secret))",
    replace: `given === ""`,
    by: middleware
  },
  {
    name: "a response to a path with dots is stored under the path without them",
    in: "sentOf",
    find: "url.pathname + url.search === path &&",
    replace: "url.pathname !== path + path &&",
    by: serverAttacks
  },
  {
    name: "a response to a made-up host is stored under the host in it",
    in: "sentOf",
    find: "url.host === host",
    replace: "host.includes(url.host)",
    by: serverAttacks
  },
  {
    name: "Clear-Site-Data of a response empties the cache of a server",
    in: "cleared",
    find: `self.scope !== "server" &&`,
    replace: `self.scope !== "private" &&`,
    by: middleware
  },
  {
    name: "the partition is no part of the key of an endpoint",
    in: "keysOf",
    find: "JSON.stringify(one)",
    replace: "JSON.stringify(one.length < 0)",
    by: endpoints
  },
  {
    name: "a mutation whose caller wants the response invalidates nothing",
    in: "client",
    find: "calls.invalidate || (request",
    replace: "(request",
    by: endpointAttacks
  },
  {
    name: "in a group with a prefix, tags lead nowhere",
    in: "tagOf",
    find: "namedOf(endpoint)?.name ?? own",
    replace: "own",
    by: endpointAttacks
  },
  {
    name: "a tag with the name of a group leads nowhere",
    in: "tagsIn",
    find: "[undefined, place]",
    replace: "[undefined]",
    by: endpoints
  },
  {
    name: "clients of two servers share their results",
    in: "keysOf",
    find: "server === undefined ?",
    replace: "server !== undefined ?",
    by: endpointAttacks
  },
  {
    name: "the tag of an endpoint does not reach its results",
    in: "callsOf",
    find: "[...ownTags(request), ...more]",
    replace: "[...more]",
    by: endpoints
  },
  {
    name: "a request that has joined a load waits for its timeout once more",
    in: "leftOf",
    find: "startedAt + timeoutMillis - clock.currentTimeMillisUnsafe()",
    replace: "timeoutMillis",
    by: hangs
  },
  {
    name: "a body that hangs is asked for again only after the default of maxLoad",
    in: "bodyStream",
    find: "self.timeoutMillis ?? self.maxLoadMillis",
    replace: "undefined",
    by: hangs
  },
  {
    name: "a request waits for the load of another one as long as it takes",
    in: "awaited",
    find: "call.hasBegun ? Effect.never",
    replace: "!call.hasBegun ? Effect.never",
    by: hangs
  },
  {
    name: "a load that hangs for its first request runs again with that one",
    in: "nextOf",
    find: "call.self.waiting.get(call.place.id) ??",
    replace: "",
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
    name: "an update is stored whatever it says",
    in: "confirm",
    find: "return why === undefined ? keep",
    replace: "return why !== \"\" ? keep",
    by: sockets
  },
  {
    name: "the response in a raw body is judged by its wrapper",
    in: "unwrapped",
    find: `body._tag !== "Raw" ||`,
    replace: `body._tag === "Raw" ||`,
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
    name: "a GET with a body is answered from the cache",
    in: "hasBody",
    find: `(headers["content-length"] ?? "0") !== "0"`,
    replace: `(headers["content-length"] ?? "0") === ""`,
    by: sockets
  },
  {
    name: "HEAD keeps content alive without a validator",
    in: "afterHead",
    find: "if (!hasSameValidator(update, variant.fields)) return current",
    replace: "",
    by: strangers
  },
  {
    name: "what was learned from a personal request holds for all",
    in: "placeOf",
    find: `by === undefined ? "" : "~", by`,
    replace: `"", by`,
    by: strangers
  },
  {
    name: "a variant that is read is as good as one that was made up",
    in: "placeOf",
    find: "kept.isHit = true",
    replace: "kept.isHit = false",
    by: strangers
  },
  {
    name: "a reader that was too slow gets the second half of another version",
    in: "restOf",
    find: "left === 0 && found !== sum ?",
    replace: "left === 0 && found === sum + 1 ?",
    by: strangers
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
    name: "a reader that has stopped delays others for seconds",
    in: "bodyStream",
    find: "[lagMillis]: http.lagMillis",
    replace: "[lagMillis]: 5000",
    by: strangers
  },
  {
    name: "the additions of pre-response handlers inside the cache are lost in hits",
    in: "handle",
    find: "isLoad ? finished(bounded) : bounded",
    replace: "bounded",
    by: sockets
  },
  {
    name: "HEAD does not reach a route that answers it alone",
    in: "answerWith",
    find: `method !== "HEAD" ? asked :`,
    replace: `method !== "" ? asked :`,
    by: sockets
  }
]
