/** Explanations as text. */
import { isInherited, ofGroup, ofId } from "../internal/store/markers/idTags.ts"
import { lengthOf, whyOf } from "../internal/text/failures.ts"
import { oneLine } from "../internal/text/oneLine.ts"
import type { Answer, Explained, Fact, Facts, Past, PastCause } from "./facts.ts"

const longestName = 120

/** A name in one line: an id or a tag may contain anything. */
export const shown = (name: string): string => name === "" ? `""` : oneLine(name, longestName)

/** A tag as its user wrote it. The library's own tags begin with `~`, and escape those of users that do. */
const shownTag = (tag: string): string => {
  if (tag.startsWith(ofId)) return `the entry ${shown(tag.slice(ofId.length))}`
  if (tag.startsWith(ofGroup)) return `the entries ${shown(tag.slice(ofGroup.length))}:*`
  if (isInherited(tag)) return "an entry that could not be verified"
  if (tag.startsWith("~~")) return `tag ${shown(tag.slice(1))}`
  return tag.startsWith("~") ? `class ${shown(tag.slice(1))}` : `tag ${shown(tag)}`
}

interface Times {
  /** A point in time, without the day if it is today. */
  readonly at: (millis: number) => string
  readonly until: (millis: number) => string
  readonly now: number
}

const timesAt = (now: number): Times => {
  const iso = (millis: number): readonly [day: string, time: string] => {
    // Outside this range, `Date` has no text.
    const date = Math.abs(millis) <= 8.64e15 ? new Date(millis).toISOString() : `${millis} ms T`
    const [day = "", time = ""] = date.split("T")
    return [day, time.replace(/\.000Z$|Z$/, "")]
  }
  const [today] = iso(now)
  const at = (millis: number): string => {
    if (millis === Infinity) return "never"
    const [day, time] = iso(millis)
    const ago = now - millis
    const distance = ago === 0 ? "now" : ago > 0 ? `${lengthOf(ago)} ago` : `in ${lengthOf(-ago)}`
    return `${day === today ? time : `${day} ${time}`} (${distance})`
  }
  return { at, until: (millis) => millis === Infinity ? "for ever" : `until ${at(millis)}`, now }
}

export const plural = (count: number, one: string): string => `${count} ${one}${count === 1 ? "" : "s"}`

const lifetime = ({ expiresAt, softExpiresAt }: Facts["Memory"] | NonNullable<Facts["Store"]["frame"]>, t: Times) => {
  if (t.now >= expiresAt) return `expired ${t.at(expiresAt)}`
  const end = expiresAt === Infinity ? "never expires" : `expires ${t.at(expiresAt)}`
  if (softExpiresAt === -Infinity) return `stale, because a tag was invalidated softly; ${end}`
  if (softExpiresAt >= expiresAt) return end
  return `${t.now < softExpiresAt ? "fresh until" : "stale since"} ${t.at(softExpiresAt)}; ${end}`
}

const tagsText = (tags: ReadonlyArray<string>): string =>
  tags.length === 0 ? "" : `; ${tags.slice(0, 10).map(shownTag).join(", ")}${tags.length > 10 ? ", …" : ""}`

const pasts: { readonly [cause in PastCause]: (past: Past, t: Times) => string } = {
  evicted: ({ at }, t) => `evicted ${t.at(at)}, the cache is full`,
  expired: ({ at, expiresAt }, t) => `expired ${t.at(Math.min(at, expiresAt))}`,
  replaced: ({ at }, t) => `left memory ${t.at(at)}: its newer value was too heavy, or memoryTtl is 0`,
  invalidated: ({ at, by }, t) => `${by === "this process" ? "invalidated" : "changed"} ${t.at(at)} by ${by}`,
  tag: ({ at, by, tag }, t) => `invalidated ${t.at(at)}: ${tag === undefined ? "a tag" : shownTag(tag)}, by ${by}`,
  cleared: ({ at, by }, t) => `the cache was cleared ${t.at(at)} by ${by}`,
  unverified: ({ at }, t) => `left memory ${t.at(at)}: changes by other processes could not be followed`,
  changed: ({ at }, t) => `not stored ${t.at(at)}: an invalidation came during its load`,
  stale: ({ at }, t) => `not stored ${t.at(at)}: its load read a stale value`,
  inherit: ({ at }, t) => `not stored ${t.at(at)}: its load read a value that inherit rejects`,
  dependency: ({ at }, t) => `not stored ${t.at(at)}: a value that its load had read has changed`,
  invalid: ({ at }, t) => `not stored ${t.at(at)}: a function of its strategy or an option threw or gave a wrong value`,
  failed: ({ at }, t) => `not stored: its load failed ${t.at(at)}`,
  interrupted: ({ at }, t) => `not stored: its load was interrupted ${t.at(at)}`,
  skipped: ({ at }, t) => `not stored ${t.at(at)}: its strategy, a ttl of 0 or minLoad says so`,
  stored: ({ at, expiresAt }, t) =>
    expiresAt <= t.now ? `expired ${t.at(expiresAt)}` : `cached ${t.at(at)}, but the store does not have it`
}

const phases = {
  Queued: "waits for its turn",
  AskingStore: "asks the store",
  AwaitingLease: "waits for the lease of another process",
  Loading: "runs",
  Storing: "is being stored"
}

const states = {
  absent: "has no entry",
  found: "has an entry",
  expired: "has an expired entry",
  invalidated: "has an entry whose tags were invalidated",
  foreign: "has an entry of another serializer",
  undecodable: "has an entry that cannot be decoded"
}

const notUsed = {
  disabled: "this cache is disabled",
  closed: "this cache is closed",
  bypassed: "a policy or an open SQL transaction bypasses the cache here"
}

const lines: {
  readonly [Name in keyof Facts]: (fact: Facts[Name], t: Times) => readonly [what: string, text: string]
} = {
  NotUsed: ({ because }) => ["cache", notUsed[because]],
  Memory: (fact, t) => {
    const { createdAt, isGone, loadMillis, memoryExpiresAt, outcome, reads, tags } = fact
    const what = outcome === "failure" ? "a failure, cached" : "cached"
    const took = loadMillis > 0 ? `, loaded in ${lengthOf(loadMillis)}` : ""
    const asked = memoryExpiresAt === undefined || memoryExpiresAt === Infinity
      ? ""
      : `; the store is asked again ${t.at(memoryExpiresAt)}`
    const end = isGone ? "not used, because a tag was invalidated" : lifetime(fact, t)
    return ["memory", `${what} ${t.at(createdAt)}${took}; ${end}${asked}; ${plural(reads, "read")}${tagsText(tags)}`]
  },
  Past: (past, t) => [
    "history",
    past.cause === "forgotten"
      ? "no longer known: its place was overwritten"
      : pasts[past.cause](past as Past, t)
  ],
  Tag: ({ at, by, mode, tag }, t) => [
    shownTag(tag),
    `invalidated${mode === "soft" ? " softly" : ""}${at === undefined ? "" : ` ${t.at(at)}`}${
      by === undefined ? "" : ` by ${by}`
    }`
  ],
  Store: ({ frame, state, store }, t) => [
    `store ${shown(redacted(store))}`,
    frame === undefined
      ? states[state]
      : `${states[state]}, written ${t.at(frame.createdAt)}; ${lifetime(frame, t)}; ${
        plural(frame.bytes, "byte")
      }, serializer ${frame.serializer}${tagsText(frame.tags)}`
  ],
  StoreSilent: ({ because, reason, store }) => [
    `store ${shown(redacted(store))}`,
    because === "pending"
      ? "not asked, because it has not acknowledged a change"
      : `failed: ${whyOf(reason!, undefined)}`
  ],
  Pending: ({ isFirst, tag, target }) => [
    "pending",
    `the store has not acknowledged ${
      target === "write"
        ? "a written value"
        : target === "all"
        ? "a clear"
        : `an invalidation of ${tag === undefined ? "this key" : shownTag(tag)}`
    }; it ${isFirst ? "is being sent" : "is sent again"}`
  ],
  Untracked: ({ until }, t) => [
    "tracking",
    `changes by other processes cannot be followed; memory is trusted ${t.until(until)}`
  ],
  Lease: ({ forMillis, own }) => [
    "lease",
    own
      ? `held by this process for ${lengthOf(forMillis)}`
      : `held by another process; renewed or over in ${lengthOf(forMillis)}`
  ],
  Flight: ({ callers, joinable, phase, refresh, startedAt }, t) => [
    refresh ? "refresh" : "load",
    `${phases[phase]}${startedAt === undefined ? "" : `, began ${t.at(startedAt)}`}; ${plural(callers, "caller")}${
      joinable ? "" : "; new reads do not join it"
    }`
  ],
  RetryAfter: ({ until }, t) => ["pause", `a load failed; a stale value is served without another ${t.until(until)}`],
  NoFallback: () => ["fallback", "none: the origin answered with a failure that is not an outage"],
  Circuit: ({ until }, t) => ["circuit", `open after timeouts; the store is asked again ${t.at(until)}`],
  Strategy: ({ name }) => ["strategy", shown(name)]
}

/** Leaves only the scheme of URLs: the rest may contain secrets. */
export const redacted = (text: string): string => text.replaceAll(/([a-z][a-z0-9+.-]*:\/\/)\S+/gi, "$1…")

const sources: { readonly [source in Answer["source"]]: string } = {
  memory: "served from memory",
  store: "served from the store",
  load: "waits for a load",
  joined: "waits for the load that runs",
  stale: "served stale, without a load",
  uncached: "runs as if it were not cached",
  strategy: "its strategy decides",
  defect: "dies: the cache is closed, its strategy throws, an option is invalid, or its load waits for itself"
}

const answerText = ({ fallback, refresh, source }: Answer): string => {
  if (source === "stale" && refresh === true) return "served stale while one load runs"
  const more = refresh === false ? "" : `, and ${refresh === true ? "" : "perhaps "}a refresh begins`
  return `${sources[source]}${more}${fallback ? "; served stale if that fails" : ""}`
}

const statuses = {
  fresh: "fresh",
  stale: "stale",
  gone: "gone",
  neverSeen: "new to this process",
  notKnown: "not cached"
}

/** The line of a fact. The types of a record cannot show that name and fact belong together. */
const lineOf = (fact: Fact, t: Times): readonly [what: string, text: string] => lines[fact._tag](fact as never, t)

export const render = ({ at, facts, id, keyClass, next, status }: Explained): string => {
  const t = timesAt(at)
  const name = `${shown(id)}${keyClass === undefined ? "" : ` of ${shown(keyClass)}`}`
  const all = facts.map((fact) => lineOf(fact, t))
  if (status === "notKnown" && !facts.some(({ _tag }) => _tag === "Past" || _tag === "NotUsed")) {
    all.push(["history", "none: with Explanation.layer it says why an id is gone"])
  }
  const [now, ...later] = next
  const answers = [
    ...now === undefined ? [] : [`now: ${answerText(now)}`],
    ...later.map((answer) => `from ${t.at(answer.at)}: ${answerText(answer)}`)
  ]
  return [
    `${name} is ${statuses[status]}, ${new Date(at).toISOString().replace("T", " ").replace(/(\.000)?Z$/, " UTC")}`,
    ...all.map(([what, text]) => `  ${what}: ${text}`),
    "  a read",
    ...answers.map((text) => `    ${text}`)
  ].join("\n")
}
