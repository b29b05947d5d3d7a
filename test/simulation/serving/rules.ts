/**
 * All rules of what strategies serve: the promise that each is of, when it applies, what it asks, what excuses it, and
 * one change of `src` after which this rule speaks, and no other.
 */
import type { Edit } from "../../deliberateFaults/fault.ts"
import { accessOf, cellOf } from "../../model/serving.ts"
import { expect, type Verdict } from "../decide.ts"
import { idOf, type Load, overlap, type Read, valueOf, type Write } from "./log.ts"
import {
  areFull,
  awaited,
  beginsNow,
  endOf,
  hasOutcome,
  isServed,
  isWrittenNow,
  judge,
  type Met,
  nextLoad,
  type Seen
} from "./seen.ts"

export interface Rule {
  readonly name: string
  readonly promise: string
  readonly applies: string
  readonly asks: string
  readonly excuses: string
  readonly change: Edit & { readonly also?: ReadonlyArray<Edit> }
  readonly judge: (seen: Seen, read: Read) => Verdict
}

const others = "other policies or writes beside it"

/** It begins a load at once, and gets what that brings. */
const loads = (seen: Seen, { read }: Met): Verdict => {
  if (!beginsNow(nextLoad(seen, read), read)) return expect(false, () => "and no load began")
  const load = awaited(seen, read)
  if (load === undefined) return "excused"
  return expect(hasOutcome(read, load), () => `not what the load #${load.n} brought`)
}

const begins = (seen: Seen, { cell, read }: Met): Verdict => {
  // A refresh begins in a later turn, and not at all if its id has changed by then.
  if (cell.begins === "refresh" && (areFull(seen, read) || isWrittenNow(seen, read))) return "excused"
  return expect(beginsNow(nextLoad(seen, read), read), () => `and no ${cell.begins} began`)
}

/** It gets what is stored at once, or what has taken its place in that very millisecond. */
const served = (seen: Seen, { entry, read }: Met): Verdict => {
  const newer = seen.origins.get(valueOf(read) ?? -1)
  const isNewer = newer?._tag === "Load" && newer.by !== read && newer.n > entry!.n && newer.ended < read.ended
  if (isNewer && read.endedAt === read.begunAt) return "excused"
  return expect(isServed(read, entry!), () => `not #${entry!.n}, which was stored`)
}

/** A reader of the same load to which the failure may mean something else. */
const isOfOther = (other: Read, read: Read): boolean =>
  other.spec.id === read.spec.id && other.spec.outages !== read.spec.outages && overlap(other, read)

/** How it ends after the load that it waits for. */
const ends = (seen: Seen, met: Met, gets: "stored" | "load"): Verdict => {
  const { entry, read } = met
  const load = awaited(seen, read)
  if (load === undefined || !beginsNow(load, read) || load.outcome === "Value" && gets === "load") return undefined
  const end = endOf(met, load)
  if (end?.gets !== gets) return undefined
  if (gets === "load") return expect(hasOutcome(read, load), () => `not the failure of #${load.n}`)
  // An answer to one of its readers is one to all.
  if (seen.reads.some((other) => isOfOther(other, read))) return "excused"
  const isGiven = valueOf(read) === entry!.n && read.endedAt === end.at
  return expect(isGiven, () => `not #${entry!.n} at ${end.at}: the load #${load.n} failed, or was late`)
}

/** A stale value to fall back on, which the origin has not answered about. */
const canFallBack = ({ cell }: Met): boolean => cell.gets === "either"

const isFirstTime = ({ state }: Met): boolean => state === "due" || state === "softened"

/** It must load: for the first time, or because the origin has answered. */
const mustAsk = (met: Met): boolean =>
  met.cell.begins === "load" && (isFirstTime(met) || met.state === "after an answer")

const of = (strategy: Read["spec"]["strategy"], met: Met): boolean => met.read.spec.strategy === strategy

/** Until when an origin may be served at most, after all reads before this one. */
const lastEnd = (seen: Seen, origin: Load | Write, { n, spec }: Read): number => {
  if (origin._tag === "Write") return origin.begunAt + origin.ttl
  const end = origin.endedAt + spec.ttl
  if (spec.strategy !== "sliding") return end
  const seenLast = seen.reads.filter((read) => read.n < n && valueOf(read) === origin.n)
  return Math.min(end, Math.max(origin.endedAt, ...seenLast.map(({ endedAt }) => endedAt)) + spec.soft)
}

/** A failure is of a load, too. */
const isLoadedSince = ({ loads }: Seen, { ended, spec }: Read, { n }: Write): boolean =>
  loads.some((load) => load.id === spec.id && load.n > n && load.n < ended)

/** Whether the answer of a read is newer than the last such write before it. */
const isNewer = (seen: Seen, read: Read, kind: Write["kind"]): Verdict => {
  const write = seen.log.findLast((one): one is Write =>
    one._tag === "Write" && one.kind === kind && one.id === read.spec.id && one.ended < read.n
  )
  const n = valueOf(read)
  if (write === undefined || !accessOf[read.policy].reads) return undefined
  const isNew = n === undefined ? isLoadedSince(seen, read, write) : n > write.n
  return expect(isNew, () => `from before the ${kind} @${write.n}`)
}

export const rules: ReadonlyArray<Rule> = [
  {
    name: "what is not to be stored is not",
    promise: "P9",
    applies: "a read gets a value that was loaded under readOnly or bypass",
    asks: "the load is its own",
    excuses: "none",
    change: {
      in: "publish",
      find: "!flight.policy.writes ||",
      replace: "(!flight.policy.writes && entry.outcome !== \"success\") ||"
    },
    judge: (seen, read) => {
      const origin = seen.origins.get(valueOf(read) ?? -1)
      if (origin?._tag !== "Load" || accessOf[origin.by.policy].writes) return undefined
      return expect(origin.by === read, () => `which was loaded under ${origin.by.policy}`)
    }
  },
  {
    name: "a policy that loads always loads",
    promise: "P9",
    applies: "a read is under refresh, writeOnly or bypass",
    asks: "it gets what a load brings that begins after it, when that ends",
    excuses: "none",
    change: {
      in: "refreshing",
      find: "...self, readsEntries: false, joins: \"refresh\"",
      replace: "...self"
    },
    judge: (seen, read) => {
      if (accessOf[read.policy].reads) return undefined
      const brought = seen.loads.some((load) =>
        load.n > read.n && load.n < read.ended && load.id === read.spec.id && hasOutcome(read, load)
      )
      return expect(brought, () => "which no load has brought since")
    }
  },
  {
    name: "nothing is served past its end",
    promise: "P6",
    applies: "a read gets what was loaded or set before it",
    asks: "it began before the end of that",
    excuses: "none",
    change: {
      in: "ttl",
      find: `isGone(entry, now) ? "Load" : "Serve"`,
      replace: `entry === undefined || now < 0 ? "Load" : "Serve"`
    },
    judge: (seen, read) => {
      const n = valueOf(read)
      const origin = n === undefined ? undefined : seen.origins.get(n)
      if (origin === undefined || origin.ended > read.n || !accessOf[read.policy].reads) return undefined
      const end = lastEnd(seen, origin, read)
      return expect(read.begunAt < end, () => `which ended at ${end}, before ${read.begunAt}`)
    }
  },
  {
    name: "what was removed is gone",
    promise: "P2",
    applies: "a read begins after its id was invalidated",
    asks: "it gets nothing that was loaded or set before that",
    excuses: "none",
    change: {
      in: "change",
      find: "else detachBegun(self, id, how)",
      replace: ""
    },
    judge: (seen, read) => isNewer(seen, read, "remove")
  },
  {
    name: "what was marked as stale is not served",
    promise: "P9",
    applies: "a read whose strategy serves nothing stale begins after its id was marked as stale",
    asks: "it gets nothing that was loaded or set before that",
    excuses: "none",
    change: { in: "decideSoftened", find: `if (decision === "Serve") return "Load"`, replace: "" },
    judge: (seen, read) => {
      if (cellOf(read.spec.strategy, read.policy, "softened")!.gets !== "loaded") return undefined
      return isNewer(seen, read, "soften")
    }
  },
  {
    name: "what is fresh is served",
    promise: "P9",
    applies: "a read meets a fresh entry",
    asks: "it gets that in the same millisecond",
    excuses: others,
    change: {
      in: "ttl",
      find: `decide: (_, entry, now) => isGone(entry, now) ? "Load" : "Serve"`,
      replace: `servesFresh: false, decide: () => "Load"`
    },
    judge: (seen, read) =>
      judge(seen, read, {
        applies: (met) => met.state === "fresh" && (!of("sliding", met) || read.begunAt < met.entry!.firstEnd),
        asks: (met) => served(seen, met)
      })
  },
  {
    name: "a session in use lives on",
    promise: "P9",
    applies: "a read meets a sliding entry that would have ended without the reads before it",
    asks: "it gets that in the same millisecond",
    excuses: others,
    change: {
      in: "sliding",
      find: "Math.max(entry.expiresAt, Math.min(now + toMillis(options.idle!), entry.softExpiresAt))",
      replace: "entry.expiresAt + 0 * now * toMillis(options.idle!)"
    },
    judge: (seen, read) =>
      judge(seen, read, {
        applies: (met) => met.state === "fresh" && of("sliding", met) && read.begunAt >= met.entry!.firstEnd,
        asks: (met) => served(seen, met)
      })
  },
  {
    name: "what is served begins nothing",
    promise: "P9",
    applies: "a read was served a fresh entry",
    asks: "its effect does not run behind it",
    excuses: others,
    change: {
      in: "refreshAhead",
      find: `now < (entry as Timing).softExpiresAt ? "Serve"`,
      replace: `(entry as Timing).softExpiresAt === Infinity ? "Serve"`,
      also: [{ in: "refreshAhead", find: "decide:", replace: "servesFresh: false, decide:" }]
    },
    judge: (seen, read) =>
      judge(seen, read, {
        applies: ({ entry, state }) => state === "fresh" && isServed(read, entry!),
        asks: () => expect(!seen.loadBy.has(read), () => "and its effect ran")
      })
  },
  {
    name: "what is not there is loaded",
    promise: "P9",
    applies: "a read meets nothing, what is past its end, or what its strategy does not serve stale",
    asks: "a load begins in the same millisecond, and the read gets what it brings",
    excuses: others,
    change: {
      in: "entryOf",
      find: "const lifetime = annotated(flight, lifetimeOf(request, exit))",
      replace: `const own = annotated(flight, lifetimeOf(request, exit))
        const lifetime = own === "skip" && flight.stale === undefined ? { softTtl: 30, ttl: 30 } : own`
    },
    judge: (seen, read) =>
      judge(seen, read, {
        applies: ({ cell, state }) =>
          state === "absent" || state === "past its end" || state === "softened" && cell.gets === "loaded",
        asks: (met) => loads(seen, met)
      })
  },
  {
    name: "maxHits: reads are used up",
    promise: "P9",
    applies: "a read meets an entry that has been served as often as its hits say",
    asks: "a load begins in the same millisecond, and the read gets what it brings",
    excuses: others,
    change: {
      in: "maxHits",
      find: `if (reads >= hits!) return "Load"`,
      replace: `if (reads >= 1e9 * hits!) return "Load"`
    },
    judge: (seen, read) =>
      judge(seen, read, {
        applies: ({ state }) => state === "used up",
        asks: (met) => loads(seen, met)
      })
  },
  {
    name: "softTtl loads what is due",
    promise: "P9",
    applies: "a read with softTtl meets what is due or marked as stale, after no outage",
    asks: "a load begins in the same millisecond",
    excuses: others,
    change: {
      in: "softTtl",
      find: `now < (entry as Timing).softExpiresAt ? "Serve"`,
      replace: `(entry as Timing).softExpiresAt > -Infinity ? "Serve"`
    },
    judge: (seen, read) =>
      judge(seen, read, {
        applies: (met) => of("softTtl", met) && mustAsk(met),
        asks: (met) => begins(seen, met)
      })
  },
  {
    name: "failover asks the origin",
    promise: "P9",
    applies: "a read with failover meets an entry, after no outage",
    asks: "a load begins in the same millisecond",
    excuses: others,
    change: {
      in: "failover",
      find: `? "Load" : "LoadOrStale"`,
      replace: `? "Load" : (entry as Timing).softExpiresAt > -Infinity ? "Serve" : "LoadOrStale"`
    },
    judge: (seen, read) =>
      judge(seen, read, {
        applies: (met) => of("failover", met) && mustAsk(met),
        asks: (met) => begins(seen, met)
      })
  },
  {
    name: "softTtl falls back",
    promise: "P6",
    applies:
      "the load of a read with softTtl fails with an outage, or takes longer than softTimeout, before the end of what is stored",
    asks: "the read gets that, at that time",
    excuses: `${others}; a reader with other outages beside it`,
    change: {
      in: "isFallback",
      find: `decision === "LoadOrStale" ||`,
      replace: `(decision === "LoadOrStale" && request.strategy.name !== "softTtl") ||`
    },
    judge: (seen, read) =>
      judge(seen, read, {
        applies: (met) => of("softTtl", met) && canFallBack(met),
        asks: (met) => ends(seen, met, "stored")
      })
  },
  {
    name: "failover falls back",
    promise: "P6",
    applies:
      "the load of a read with failover fails with an outage, or takes longer than softTimeout, before the end of what is stored",
    asks: "the read gets that, at that time",
    excuses: `${others}; a reader with other outages beside it`,
    change: { in: "failover", find: `? "Load" : "LoadOrStale"`, replace: `? "Load" : "LoadOrStale" && "Load"` },
    judge: (seen, read) =>
      judge(seen, read, {
        applies: (met) => of("failover", met) && canFallBack(met),
        asks: (met) => ends(seen, met, "stored")
      })
  },
  {
    name: "an answer is the reader's",
    promise: "P6",
    applies: "the load of a read that could fall back fails with an answer",
    asks: "the read fails with that, when the load does",
    excuses: others,
    change: {
      in: "verdictOf",
      find: "? \"Refused\" : \"Answer\"",
      replace: "? \"Refused\" : \"Outage\""
    },
    judge: (seen, read) => judge(seen, read, { applies: canFallBack, asks: (met) => ends(seen, met, "load") })
  },
  {
    name: "after an answer nothing is hidden",
    promise: "P6",
    applies: "a read that would fall back loads, and the origin has answered about the value since that was stored",
    asks: "the read gets what the load brings",
    excuses: others,
    change: {
      in: "usableStale",
      find: "if (now >= stale.expiresAt || isAnswered(self, stale)) return undefined",
      replace: "if (now >= stale.expiresAt) return undefined"
    },
    judge: (seen, read) =>
      judge(seen, read, {
        applies: ({ cell, state }) => state === "after an answer" && cell.gets === "loaded",
        asks: () => {
          const load = awaited(seen, read)
          return load && expect(hasOutcome(read, load), () => `not what the load #${load.n} brought`)
        }
      })
  },
  {
    name: "a pause is kept",
    promise: "P6",
    applies: "a read meets what is due, less than retryAfter after a failure",
    asks: "it gets that in the same millisecond, and no load begins for it",
    excuses: others,
    change: { in: "isThrottled", find: "rulesOf(self, request).retryAfterMillis > 0", replace: "false" },
    judge: (seen, read) =>
      judge(seen, read, {
        applies: ({ state }) => state === "paused",
        asks: ({ entry }) => {
          const isKept = isServed(read, entry!) && !seen.loadBy.has(read)
          return expect(isKept, () => `until ${entry!.pausedUntil} there is a pause, with #${entry!.n}`)
        }
      })
  },
  {
    name: "a pause ends",
    promise: "P9",
    applies: "a read meets what is due, more than retryAfter after a failure",
    asks: "a load or refresh begins in the same millisecond",
    excuses: `${others}; all places of refreshes are taken`,
    change: {
      in: "holdOff",
      find: "{ until: now + millis, millis }",
      replace: "{ until: now + 3 * millis, millis: 3 * millis }"
    },
    judge: (seen, read) =>
      judge(seen, read, {
        applies: ({ cell, state }) => cell.begins !== "nothing" && state === "after an outage",
        asks: (met) => begins(seen, met)
      })
  },
  {
    name: "refreshAhead refreshes",
    promise: "P9",
    applies: "a read with refreshAhead meets what is due or marked as stale, after no failure",
    asks: "a refresh begins in the same millisecond",
    excuses: `${others}; all places of refreshes are taken`,
    change: {
      in: "refreshAhead",
      find: `now < (entry as Timing).softExpiresAt ? "Serve"`,
      replace: `(entry as Timing).softExpiresAt > -Infinity ? "Serve"`
    },
    judge: (seen, read) =>
      judge(seen, read, {
        applies: (met) => of("refreshAhead", met) && met.cell.begins === "refresh" && isFirstTime(met),
        asks: (met) => begins(seen, met)
      })
  },
  {
    name: "maxHits refreshes",
    promise: "P9",
    applies: "a read with maxHits and refreshAfter meets an entry with reads left, after no failure",
    asks: "a refresh begins in the same millisecond",
    excuses: `${others}; all places of refreshes are taken`,
    change: {
      in: "maxHits",
      find: `reads + 1 >= (refreshAfter as number) ? "ServeAndRefresh"`,
      replace: `reads + 1 >= (refreshAfter as number) ? "ServeAndRefresh" && "Serve"`
    },
    judge: (seen, read) =>
      judge(seen, read, {
        applies: (met) => of("dynamic", met) && met.cell.begins === "refresh" && isFirstTime(met),
        asks: (met) => begins(seen, met)
      })
  },
  {
    name: "probabilistic is early",
    promise: "P9",
    applies: "a read with probabilistic and a beta that makes every read early meets an entry, after no failure",
    asks: "a refresh begins in the same millisecond",
    excuses: `${others}; all places of refreshes are taken`,
    change: {
      in: "probabilistic",
      find: `? "ServeAndRefresh" : "Serve"`,
      replace: `? "ServeAndRefresh" && "Serve" : "Serve"`
    },
    judge: (seen, read) =>
      judge(seen, read, {
        applies: (met) => of("probabilistic", met) && met.cell.begins === "refresh" && isFirstTime(met),
        asks: (met) => begins(seen, met)
      })
  },
  {
    name: "a refresh delays no reader",
    promise: "P9",
    applies: "a read meets what is to be refreshed",
    asks: "it gets that in the same millisecond",
    excuses: others,
    change: {
      in: "refreshAhead",
      find: `? "Serve" : "ServeAndRefresh"`,
      replace: `? "Serve" : "ServeAndRefresh" && "LoadOrStale"`
    },
    judge: (seen, read) =>
      judge(seen, read, { applies: ({ cell }) => cell.begins === "refresh", asks: (met) => served(seen, met) })
  },
  {
    name: "one load for all",
    promise: "P1",
    applies: "a read begins while a load of its id runs, without other policies and writes since that began",
    asks: "its own effect does not run before the end of that load",
    excuses: "none",
    change: {
      in: "joinOrStart",
      find: "const running = joinable(reader, around)",
      replace: "const running = id === \"\" ? joinable(reader, around) : undefined"
    },
    judge: (seen, read) => {
      if (read.policy !== "normal") return undefined
      const running = seen.loads.find((load) =>
        load.id === read.spec.id && load.by.policy === "normal" && load.n < read.n && load.ended > read.n
      )
      if (running === undefined) return undefined
      const isDisturbed = seen.log.some((other) =>
        idOf(other) === read.spec.id && other.n < read.ended && other.ended > running.by.n &&
        (other._tag === "Write" || (other._tag === "Read" && other.policy !== "normal"))
      )
      if (isDisturbed) return undefined
      const own = seen.loadBy.get(read)
      return expect(own === undefined || own.n > running.ended, () => `beside the load #${running.n}`)
    }
  }
]
