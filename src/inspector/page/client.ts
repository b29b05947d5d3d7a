/** The connection of the page: its token, single requests, and the stream that it reads. */
import type * as Api from "../api.ts"

const base = `${location.pathname.replace(/\/$/, "")}/api/`

/** The token comes in the fragment, which is never sent. It stays in the history's state, which survives a reload. */
let token: string | undefined = (history.state as { readonly token?: string } | null)?.token

const takeToken = (): boolean => {
  const given = /^#token=(.+)/.exec(location.hash)?.[1]
  if (given === undefined) return false
  try {
    token = decodeURIComponent(given)
  } catch {
    // A token of one's own may have a "%".
    token = given
  }
  go("overview")
  return true
}

/** Shows another view. */
export const go = (view: string, replace = false): void => {
  const url = `${location.pathname}#/${view}`
  if (replace || !location.hash.startsWith("#/")) history.replaceState({ token }, "", url)
  else history.pushState({ token }, "", url)
  dispatchEvent(new Event("moved"))
}

takeToken()
// The URL with another token was pasted into this tab.
addEventListener("hashchange", () => takeToken() && location.reload())

export const useToken = (given: string): void => {
  token = given.trim()
  go(viewOf(), true)
}

export const viewOf = (): string => /^#\/(\w+)/.exec(location.hash)?.[1] ?? "overview"

class Refusal extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** The id of the process whose numbers are shown. */
let shown: string | undefined

const tries = 6

const open = async (endpoint: string, body: object, signal?: AbortSignal, left = tries): Promise<Response> => {
  const response = await fetch(base + endpoint, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...token === undefined ? {} : { authorization: `Bearer ${token}` }
    },
    body: JSON.stringify(endpoint === "live" ? body : { process: shown, ...body }),
    cache: "no-store",
    signal: signal ?? null
  })
  if (response.ok) return response
  // A load balancer has chosen another process, and may choose the right one next.
  if (response.status === 409 && left > 1) return open(endpoint, body, signal, left - 1)
  const told = await response.json().catch(() => undefined) as { readonly message?: string } | undefined
  throw new Refusal(response.status, told?.message ?? `The server answered with ${response.status}`)
}

export const ask = async <A>(endpoint: string, body: object): Promise<A> => (await open(endpoint, body)).json()

/** Reads a stream of events until it ends, or until the signal aborts it. */
export const read = async <A>(
  endpoint: string,
  body: object,
  signal: AbortSignal,
  tell: (message: A) => void
): Promise<void> => {
  const { body: bytes } = await open(endpoint, body, signal)
  const decoder = new TextDecoder()
  const reader = bytes!.getReader()
  let rest = ""
  while (true) {
    const { done, value } = await reader.read()
    if (done) return
    const messages = (rest + decoder.decode(value, { stream: true })).split("\n\n")
    rest = messages.pop()!
    for (const message of messages) if (message.startsWith("data: ")) tell(JSON.parse(message.slice(6)))
  }
}

/** The last messages of the stream, and the state of the connection. */
export interface Known {
  readonly state: "connecting" | "live" | "lost" | "hidden" | "locked"
  readonly why: string | undefined
  /** When the last beat came, by the clock of the process. */
  readonly overview: Api.Overview | undefined
  readonly slots: ReadonlyArray<ReadonlyArray<Api.Slot>>
  /** `undefined` until the first beat of a stream that has them. */
  readonly flights: ReadonlyArray<Api.Flight> | undefined
  readonly flightsLeftOut: number
  /** Another process answered than before. */
  readonly moved: boolean
}

export interface Told {
  readonly at: number
  readonly event: { readonly _tag: string; readonly id?: string; readonly keyClass?: string }
}

export const nothing: Known = {
  state: "connecting",
  why: undefined,
  overview: undefined,
  slots: [],
  flights: undefined,
  flightsLeftOut: 0,
  moved: false
}

const lostMillis = 4200
const hour = 3_600_000

const merge = (old: ReadonlyArray<Api.Slot>, fresh: ReadonlyArray<Api.Slot>, now: number): ReadonlyArray<Api.Slot> => {
  const from = fresh[0]?.at ?? Infinity
  return [...old.filter(({ at }) => at < from && at > now - hour), ...fresh]
}

interface Wanted {
  readonly flights?: number
  readonly tail?: number
}

interface Listener {
  readonly changed: (change: (known: Known) => Known) => void
  readonly events: (events: ReadonlyArray<Told>, leftOut: number) => void
  /** Another process answers. */
  readonly moved: () => void
}

/** Keeps a stream open while the tab can be seen. Returns a function that ends it. */
export const connect = (wanted: Wanted, { changed, events, moved }: Listener): () => void => {
  let abort = new AbortController()
  let isOver = false
  let beatAt = performance.now()
  let retry: ReturnType<typeof setTimeout> | undefined
  const message = (message: Api.Message): void => {
    beatAt = performance.now()
    if (message._tag === "Events") return events(message.events as never, message.leftOut)
    const { flights, flightsLeftOut, overview } = message
    const isOther = shown !== undefined && shown !== overview.process.id
    shown = overview.process.id
    if (isOther) moved()
    changed((known) => ({
      state: "live",
      why: undefined,
      overview,
      slots: overview.caches.map(({ slots }, i) => merge(isOther ? [] : known.slots[i] ?? [], slots, overview.at)),
      flights: wanted.flights === undefined ? undefined : flights,
      flightsLeftOut,
      moved: isOther || known.moved
    }))
  }
  const run = (): void => {
    abort = new AbortController()
    beatAt = performance.now()
    read("live", wanted, abort.signal, message).then(
      () => ended("The stream ended"),
      (error: Error) => ended(error.message, error instanceof Refusal ? error.status : undefined)
    )
  }
  const ended = (why: string, status?: number): void => {
    if (isOver || document.hidden) return
    const isLocked = status === 401 || status === 403
    changed((known) => ({ ...known, state: isLocked ? "locked" : "lost", why }))
    if (!isLocked) retry = setTimeout(run, status === 429 ? 5000 : 1000)
  }
  // A server that has gone without a word sends no beat.
  const watch = setInterval(() => {
    if (document.hidden || performance.now() - beatAt < lostMillis) return
    changed((known) => known.state === "live" ? { ...known, state: "lost", why: "No answer" } : known)
    beatAt = performance.now()
    abort.abort()
  }, 500)
  // A browser opens six connections to a host, so a hidden tab must not keep one.
  const seen = (): void => {
    clearTimeout(retry)
    abort.abort()
    if (document.hidden) changed((known) => ({ ...known, state: "hidden" }))
    else run()
  }
  document.addEventListener("visibilitychange", seen)
  changed((known) => ({ ...known, flights: undefined }))
  seen()
  return () => {
    isOver = true
    clearTimeout(retry)
    clearInterval(watch)
    document.removeEventListener("visibilitychange", seen)
    abort.abort()
  }
}
