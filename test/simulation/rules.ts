/**
 * All rules of the seeded schedules but those of `serving/`, on one page: the promise that each is of, in which
 * schedules it is decided, when it applies, what it asks, and which part of that is excused. `changes.ts` has a change
 * of `src` after which each speaks. Rules see what a user sees: the ends of reads and their times, public events, the
 * loads of the origin, and the calls of the simulated stores.
 */

/** Random programs on one engine, on several that share a store, with derived entries, and with streams. */
export type Group = "oneEngine" | "severalEngines" | "derived" | "streams"

export interface Rule {
  readonly name: string
  readonly promise: string
  readonly of: ReadonlyArray<Group>
  readonly applies: string
  readonly asks: string
  readonly excuses?: string
}

export const rules = [
  {
    name: "a value is of its key",
    promise: "P1",
    of: ["oneEngine", "severalEngines"],
    applies: "a read gets a value",
    asks: "a load or set of its key has made it"
  },
  {
    name: "an id has one load",
    promise: "P1",
    of: ["oneEngine", "streams"],
    applies: "a load ends, or one begins while another of its id runs that can be joined",
    asks: "it runs alone",
    excuses: "a change, or a read with another policy, has come between; an abandoned load has kept its id long enough"
  },
  {
    name: "many keys get one answer each",
    promise: "P1",
    of: ["oneEngine"],
    applies: "a call for many keys ends",
    asks: "each key has an answer, the same at each of its places, and no key's copy fails another key"
  },
  {
    name: "a stream is of one run",
    promise: "P1",
    of: ["streams", "oneEngine"],
    applies: "a consumer has read a stream to its end",
    asks: "it got all elements of one run"
  },
  {
    name: "a load has a lease",
    promise: "P1",
    of: ["severalEngines"],
    applies: "a load begins in a store that answers at once and loses nothing",
    asks: "its cache has a lease of its id",
    excuses:
      "a change of its id may have come or arrived since its read began, or its process was stopped, or has waited long enough"
  },
  {
    name: "one process leads",
    promise: "P1",
    of: ["severalEngines"],
    applies: "a cache asks the store for a lease",
    asks: "it gets one, or waits, as there is no leader or another one"
  },
  {
    name: "a cache that loads beside the leader has waited",
    promise: "P1",
    of: ["severalEngines"],
    applies: "a lease is granted beside another",
    asks: "its owner has waited for wait, or for as long as the leader may renew"
  },
  {
    name: "a result of the generation is stored",
    promise: "P1",
    of: ["severalEngines"],
    applies: "a result is to be stored whose generation has not ended",
    asks: "it is stored"
  },
  {
    name: "a stream is served as a whole",
    promise: "P1",
    of: ["streams"],
    applies: "a consumer reads a stream to its end, without a failure",
    asks: "the run has ended well, and it got each of its elements"
  },
  {
    name: "what was removed is gone",
    promise: "P2",
    of: ["oneEngine", "severalEngines", "streams"],
    applies: "a read gets a value of which a hard invalidation, or a set, was done before it",
    asks: "the value was begun after that was asked for"
  },
  {
    name: "what another process removed meanwhile is not stored",
    promise: "P2",
    of: ["oneEngine"],
    applies: "a read gets a stored value, and another process had removed one of its id while that was loaded",
    asks: "it is not the value of such a load"
  },
  {
    name: "what was not set is not served",
    promise: "P2",
    of: ["oneEngine", "severalEngines", "derived"],
    applies: "a read gets a value that was set",
    asks: "the condition of the set held, and its transaction was committed"
  },
  {
    name: "operations by hand agree",
    promise: "P2",
    of: ["oneEngine"],
    applies: "two operations on a key follow in one turn, and the store answers at once",
    asks: "has, getEntry, remove and the conditions of set agree about what is there"
  },
  {
    name: "a transaction reads what it has written",
    promise: "P2",
    of: ["oneEngine", "severalEngines", "derived"],
    applies: "a transaction reads what it has written, or has invalidated by a tag",
    asks: "it gets that, or what it has loaded since"
  },
  {
    name: "what was changed meanwhile is not stored",
    promise: "P2",
    of: ["severalEngines"],
    applies: "the result of a load is stored",
    asks: "no write has ended its generation"
  },
  {
    name: "what another process removed is gone in time",
    promise: "P2",
    of: ["severalEngines"],
    applies: "a read begins later after a write of another process than changes may take to arrive",
    asks: "it gets a value that was begun since, or set"
  },
  {
    name: "no reader is interrupted for another",
    promise: "P3",
    of: ["oneEngine"],
    applies: "a read ends",
    asks: "it was not interrupted, unless its own caller did"
  },
  {
    name: "a failure is that of a load of the reader",
    promise: "P3",
    of: ["oneEngine"],
    applies: "a read fails with what no option or stored failure explains",
    asks: "a load that it has begun or could join has failed with that"
  },
  {
    name: "what runs behind its reader continues",
    promise: "P3",
    of: ["oneEngine"],
    applies: "a load ends after the reader was answered whose effect it is",
    asks: "it was not interrupted before its limit",
    excuses: "its id was changed, or the readers that had to wait for it have left"
  },
  {
    name: "a load gives way when its readers are out of patience",
    promise: "P3",
    of: ["oneEngine"],
    applies: "a load is interrupted to run again",
    asks: "a reader waits for it, and none of those who certainly wait has patience left",
    excuses: "it had not begun"
  },
  {
    name: "a reader waits as long as it says",
    promise: "P3",
    of: ["oneEngine"],
    applies: "a read with a timeout ends, or a read fails with a timeout",
    asks: "no later and no earlier than its timeout"
  },
  {
    name: "what a function throws ends its own read only",
    promise: "P3",
    of: ["oneEngine"],
    applies: "a read dies of what no load has died of",
    asks: "a function or option of its own is wrong, or the cache closes, or its load needs itself"
  },
  {
    name: "a listener that has thrown is not called again",
    promise: "P3",
    of: ["oneEngine"],
    applies: "a listener that throws at times is called",
    asks: "it has not thrown before"
  },
  {
    name: "the store delays a call by its budget at most",
    promise: "P4",
    of: ["oneEngine"],
    applies: "a read or an operation by hand ends",
    asks: "beside the loads of its id it took no longer than the budgets of its flights"
  },
  {
    name: "a store fails only strict readers",
    promise: "P4",
    of: ["oneEngine"],
    applies: "a read fails with an error of the store or serializer, or an operation by hand fails",
    asks: "its policy is strict, and the store can fail"
  },
  {
    name: "a call fails with its load only",
    promise: "P4",
    of: ["severalEngines", "streams"],
    applies: "a read fails, or an operation on a store that is well ends",
    asks: "a load of its id has failed, or the stream was cut or lagged as its options say"
  },
  {
    name: "a cache that waits for a lease asks in time",
    promise: "P4",
    of: ["severalEngines"],
    applies: "a cache asks again for a lease that another has",
    asks: "no longer after its first question than the leader may hold it up"
  },
  {
    name: "only failures that are to be stored are",
    promise: "P5",
    of: ["oneEngine", "streams"],
    applies: "a read fails with the failure of an earlier load",
    asks: "the reader of that load stores failures"
  },
  {
    name: "what is not to be stored is not",
    promise: "P5",
    of: ["oneEngine"],
    applies: "a read gets what was loaded under readOnly or bypass, or with a lifetime that is none",
    asks: "it has waited for that load; under such a policy it is its own"
  },
  {
    name: "nothing is served past its end",
    promise: "P6",
    of: ["oneEngine"],
    applies: "a read gets what was loaded or set before it",
    asks: "it comes before the last end that ttl, annotations, touches and reads have given that"
  },
  {
    name: "the shortest of the readers' constants holds",
    promise: "P6",
    of: ["oneEngine"],
    applies: "a read with a constant ttl gets what was loaded before it by a read with a constant ttl",
    asks: "that is younger than the reader's ttl",
    excuses: "it was touched, or may have the age of what its load has read"
  },
  {
    name: "a load renews what is still valid",
    promise: "P6",
    of: ["oneEngine"],
    applies: "a load keeps the previous value",
    asks: "that has not ended, and was not changed when the load asked for it"
  },
  {
    name: "a copy is what its option says",
    promise: "P6",
    of: ["oneEngine"],
    applies: "a reader with copy: \"freeze\" gets a value",
    asks: "that is frozen"
  },
  {
    name: "nothing lives longer for a clock that was set back",
    promise: "P6",
    of: ["severalEngines"],
    applies: "a read gets a value, and clocks are set back",
    asks: "that is no older than the longest lifetime"
  },
  {
    name: "a load that no reader waits for ends",
    promise: "P7",
    of: ["oneEngine"],
    applies: "a load ends of which no reader is left",
    asks: "it ran alone no longer than refresh.timeout",
    excuses: "a load that cannot be interrupted has held it up"
  },
  {
    name: "a cache that closes starts no load",
    promise: "P7",
    of: ["oneEngine"],
    applies: "a read begins after the cache was asked to close",
    asks: "its effect does not run"
  },
  {
    name: "a cache closes in time",
    promise: "P7",
    of: ["oneEngine"],
    applies: "a cache closes",
    asks: "that takes no longer than shutdownTimeout and what the store may take"
  },
  {
    name: "memory is bounded",
    promise: "P7",
    of: ["oneEngine"],
    applies: "a program has ended",
    asks: "the number of entries and their weight are within capacity, weight and quotas"
  },
  {
    name: "all that begins ends",
    promise: "P7",
    of: ["oneEngine"],
    applies: "a program has ended, and a while has passed",
    asks: "each of its loads and reads has ended"
  },
  {
    name: "timers end with what they are for",
    promise: "P7",
    of: ["oneEngine"],
    applies: "a read with a long timeout was answered",
    asks: "no timer more waits than before"
  },
  {
    name: "nothing is left running",
    promise: "P7",
    of: ["oneEngine", "severalEngines", "streams"],
    applies: "a program has ended, or its cache has closed",
    asks: "no fiber and no timer is left"
  },
  {
    name: "a cache at rest works",
    promise: "P7",
    of: ["oneEngine"],
    applies: "a program has ended, and the store is well",
    asks:
      "a read after an invalidation loads once, what is due is refreshed, and loads may need each other however deep"
  },
  {
    name: "a program ends",
    promise: "P7",
    of: ["oneEngine", "severalEngines", "derived", "streams"],
    applies: "always",
    asks: "it ends, and nothing of the cache throws"
  },
  {
    name: "statistics count what happens",
    promise: "P7",
    of: ["oneEngine"],
    applies: "a program has ended",
    asks: "Cached.stats agrees with the reads, loads and functions that threw"
  },
  {
    name: "only what is stored leaves pages",
    promise: "P7",
    of: ["streams"],
    applies: "a page is in the store after all has ended",
    asks: "its run is stored"
  },
  {
    name: "what is made of a value ends with it",
    promise: "P8",
    of: ["derived"],
    applies: "a derived value is read whose sources have changed",
    asks: "it is made of what they were when its engine last received changes, or of newer values"
  },
  {
    name: "what is made of values lives no longer",
    promise: "P8",
    of: ["derived"],
    applies: "a derived value is served from the cache",
    asks: "none of its sources has ended"
  },
  {
    name: "what is marked as stale is loaded again",
    promise: "P9",
    of: ["oneEngine"],
    applies: "a read whose strategy serves nothing stale gets a value that was marked as stale before it",
    asks: "the value was begun after that was asked for"
  },
  {
    name: "a policy that loads always loads",
    promise: "P9",
    of: ["oneEngine"],
    applies: "a read under refresh, writeOnly or bypass gets a value",
    asks: "a load brought it that began after the read"
  },
  {
    name: "a read does what its explanation said",
    promise: "P9",
    of: ["oneEngine"],
    applies: "a read begins right after its explanation",
    asks: "it is answered as that said"
  }
] as const satisfies ReadonlyArray<Rule>

export type RuleName = (typeof rules)[number]["name"]

export const rulesOf = (group: Group): ReadonlyArray<Rule> =>
  (rules as ReadonlyArray<Rule>).filter(({ of }) => of.includes(group))
