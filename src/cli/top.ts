/** `effect-cached top`: the inspector of a program, in the terminal. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Prompt from "effect/cli/Prompt"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import type * as Api from "../inspector/api.ts"
import { failed, misused } from "./failure.ts"
import { escape, json, print, toggle } from "./terminal.ts"
import { draw, lineOf, type View } from "./topScreen.ts"

const variable = "CACHE_INSPECTOR_TOKEN"

export const top = Command.make("top", {
  url: Argument.String("url").pipe(Argument.withDescription("The URL of an inspector, without its token")),
  json: toggle("json", "Print an object a second, as the endpoint overview of CacheInspector.Api says")
}, ({ json: isJson, url }) =>
  Effect.gen(function*() {
    const at = yield* Effect.try({ try: () => new URL(url), catch: () => misused(`${url} is not a URL`) })
    if (at.hash !== "") {
      return yield* Effect.fail(
        misused(`Other users of the machine can see arguments: leave out the token, and set ${variable} or enter it`)
      )
    }
    const client = yield* clientOf(at, yield* tokenOf)
    if (isJson || !process.stdout.isTTY || !process.stdin.isTTY) {
      return yield* Effect.forever(Effect.flatMap(
        client.reads.overview({ payload: {} }),
        (overview) => Effect.andThen(isJson ? json(overview) : print(lineOf(overview)), Effect.sleep("1 second"))
      ))
    }
    yield* screen(client)
  }).pipe(
    Effect.catch((error) => {
      const { _tag, code, message, status } = error as {
        readonly _tag?: string
        readonly code?: number
        readonly message?: string
        readonly status?: number
      }
      if (_tag === "Failure" && code !== undefined) return Effect.fail(error)
      return Effect.fail(
        failed(status === undefined ? `The inspector does not answer: ${message}` : `${message} (${status})`)
      )
    })
  )).pipe(
    Command.withDescription(
      `Shows what the cache of a program does, from its inspector (effect-cached/inspector). The token is asked for, or \
comes from ${variable}. Without a terminal, prints a line a second`
    ),
    Command.withShortDescription("Watch the cache of a running program"),
    Command.withExamples([{
      command: "effect-cached top http://127.0.0.1:4600",
      description: "A program on this machine"
    }])
  )

const tokenOf = Effect.suspend((): Effect.Effect<Redacted.Redacted, unknown, Prompt.Environment> => {
  const given = process.env[variable]
  if (given !== undefined && given !== "") return Effect.succeed(Redacted.make(given))
  if (process.stdin.isTTY && process.stdout.isTTY) return Prompt.run(Prompt.Password({ message: "Token" }))
  return Effect.fail(misused(`The token of the inspector is missing: set ${variable}`))
})

const clientOf = (url: URL, token: Redacted.Redacted) =>
  Effect.gen(function*() {
    // Loaded for this command alone: the others begin sooner without them.
    const [{ CacheInspector }, HttpApiClient, FetchHttpClient, HttpClient, HttpClientRequest] = yield* Effect.promise(
      () =>
        Promise.all([
          import("../inspector/index.ts"),
          import("effect/http-api/HttpApiClient"),
          import("effect/http/FetchHttpClient"),
          import("effect/http/HttpClient"),
          import("effect/http/HttpClientRequest")
        ])
    )
    const path = url.pathname.replace(/\/$/, "")
    return yield* HttpApiClient.make(CacheInspector.Api.prefix(`${path as "/"}/api`), {
      transformClient: HttpClient.mapRequest((request) =>
        request.pipe(
          HttpClientRequest.prependUrl(url.origin),
          HttpClientRequest.bearerToken(token),
          HttpClientRequest.setHeader("origin", url.origin)
        )
      )
    }).pipe(Effect.provide(FetchHttpClient.layer))
  })

type Client = Effect.Success<ReturnType<typeof clientOf>>

const keptEvents = 200

/** A process that is gone, or stopped, sends no beat. */
const silence = "5 seconds"

const write = (text: string): void => void process.stdout.write(text)

/** Takes the whole screen and each key, until the scope closes. */
const wholeScreen = (pressed: (key: string) => void, redraw: () => void) => {
  /** Pasted text comes at once. A key without a character, like an arrow, is a sequence that begins with Escape. */
  const heard = (keys: string): void => {
    if (keys.length === 1 || !keys.startsWith("\u001b")) Array.from(keys).forEach((key) => pressed(key))
  }
  return Effect.acquireRelease(
    Effect.sync(() => {
      process.stdin.setRawMode(true).setEncoding("utf8").on("data", heard).resume()
      process.stdout.on("resize", redraw)
      write("\u001b[?1049h\u001b[?25l\u001b[2J")
    }),
    () =>
      Effect.sync(() => {
        process.stdout.off("resize", redraw)
        process.stdin.off("data", heard).setRawMode(false).pause()
        write("\u001b[?25h\u001b[?1049l")
      })
  )
}

/** Draws until the user quits, and restores the screen however that ends. */
const screen = (client: Client): Effect.Effect<void, unknown> =>
  Effect.scoped(Effect.gen(function*() {
    let view: View | undefined
    let cache = 0
    let typed: { readonly question: string; text: string; readonly done: (text: string) => void } | undefined
    let reopen = (): void => {}
    let quit = (): void => {}
    const redraw = (): void => {
      if (view === undefined) return
      const [columns, rows] = [process.stdout.columns || 80, process.stdout.rows || 24]
      const said = typed === undefined ? view.said : `${typed.question} ${escape(typed.text)}_`
      write(`\u001b[H${draw({ ...view, said }, columns, rows).map((line) => `${line}\u001b[K`).join("\r\n")}`)
    }
    const change = (next: Partial<View>): void => {
      if (view !== undefined) view = { ...view, ...next }
      redraw()
    }
    const tell = (message: Api.Message): void => {
      if (message._tag === "Events") {
        if (view?.isPaused === false) {
          change({ events: [...message.events.toReversed(), ...view.events].slice(0, keptEvents) as never })
        }
        return
      }
      const { flights, overview } = message
      if (view?.isPaused === true) return
      const isSame = view?.overview.process.id === overview.process.id && view.cache === cache
      const fresh = overview.caches[cache]?.slots ?? []
      const old = isSame ? view!.slots.filter(({ at }) => at < (fresh[0]?.at ?? Infinity)) : []
      const rest = isSame ? view! : { events: [], filter: "", said: undefined, isPaused: false }
      view = { ...rest, overview, cache, flights, slots: [...old, ...fresh], isLost: false }
      redraw()
    }
    const act = (key: string): void => {
      const { overview } = view!
      const target = { key }
      Effect.runFork(Effect.matchEffect(
        client.acts.act({ payload: { process: overview.process.id, cache, target, mode: "hard" } }),
        {
          onFailure: (error) =>
            Effect.sync(() => change({ said: `Not done: ${(error as { message?: string }).message}` })),
          onSuccess: ({ count }) => Effect.sync(() => change({ said: `Invalidated ${count ?? 0}` }))
        }
      ))
    }
    const ask = (question: string, done: (text: string) => void): void => {
      typed = { question, text: "", done }
      redraw()
    }
    const pressed = (key: string): void => {
      if (key === "\u0003") return quit()
      if (typed !== undefined) {
        const { done, text } = typed
        if (key === "\r") {
          typed = undefined
          done(text)
        } else if (key === "\u001b") typed = undefined
        else if (key === "\u007f") typed.text = text.slice(0, -1)
        else if (!/^\p{Cc}/u.test(key)) typed.text += key
        return redraw()
      }
      if (key === "q") return quit()
      if (view === undefined) return
      if (key === "p") change({ isPaused: !view.isPaused })
      else if (key === "/") ask("Filter:", (filter) => change({ filter }))
      else if (key === "c") {
        cache = (cache + 1) % Math.max(1, view.overview.caches.length)
        reopen()
      } else if (key === "i" && !view.overview.isReadOnly) {
        ask("Invalidate the key:", (id) => {
          if (id !== "") {
            ask(`Type yes to invalidate "${escape(id)}":`, (answer) => answer === "yes" ? act(id) : redraw())
          }
        })
      }
    }
    yield* wholeScreen(pressed, redraw)
    const follow = Effect.suspend(() => client.reads.live({ payload: { flights: cache, tail: cache } })).pipe(
      Effect.timeout(silence),
      Effect.flatMap((messages) =>
        Stream.runForEach(
          Stream.timeout(messages as Stream.Stream<Api.Message, unknown>, silence),
          (message) => Effect.sync(() => tell(message))
        )
      ),
      Effect.andThen(Effect.fail(new Error("no message for 5 seconds"))),
      Effect.raceFirst(Effect.callback<void>((resume) => {
        reopen = () => resume(Effect.void)
      }))
    )
    // The first connection must work, so that a wrong token ends the command. Later ones are tried again.
    const again = Effect.andThen(Effect.sync(() => change({ isLost: true })), Effect.sleep("1 second"))
    yield* Effect.raceFirst(
      Effect.forever(Effect.catch(follow, (error) => view === undefined ? Effect.fail(error) : again)),
      Effect.callback<void>((resume) => {
        quit = () => resume(Effect.void)
      })
    )
  }))
