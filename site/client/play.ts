/** A program of a page that the reader changes and runs: its output and the events of its caches beside it. */
import { button, make } from "./elements.ts"
import { highlight } from "./highlight.ts"
import type { Told } from "./worker.ts"

/** So long a program may run. */
const limitMillis = 5000

const pane = (title: string, empty: string) => {
  const list = make("pre", { tabIndex: 0, className: "lines" })
  const clear = (): void => list.replaceChildren(make("span", { className: "empty" }, empty))
  const add = (text: string, className: string, name?: string): void => {
    list.querySelector(".empty")?.remove()
    const line = make("span", { className }, ...name === undefined ? [] : [make("b", {}, name), " "], text, "\n")
    list.append(line)
    list.scrollTop = list.scrollHeight
  }
  list.setAttribute("role", "group")
  list.setAttribute("aria-label", title)
  clear()
  return { element: make("section", {}, make("div", { className: "title" }, title), list), add, clear }
}

/** An editor: the colored text lies below a text field that shows only its caret. */
const editor = (program: string) => {
  const colored = make("code", {})
  const field = make("textarea", { value: program, spellcheck: false, rows: program.split("\n").length, wrap: "off" })
  field.setAttribute("aria-label", "Program")
  field.setAttribute("autocapitalize", "off")
  field.setAttribute("autocomplete", "off")
  const color = (): void => {
    colored.innerHTML = `${highlight(field.value)}\n`
    field.rows = Math.max(field.value.split("\n").length, 3)
  }
  field.addEventListener("input", color)
  const behind = make("pre", {}, colored)
  behind.setAttribute("aria-hidden", "true")
  field.addEventListener("scroll", () => void (behind.scrollLeft = field.scrollLeft))
  color()
  return { element: make("div", { className: "editor" }, behind, field), field, color }
}

/** The program of a block of code, as its copy button gives it. */
const programOf = (block: HTMLElement): string =>
  block.querySelector<HTMLElement>("[data-code]")!.dataset["code"]!.replaceAll("\u007f", "\n")

export const play = (block: HTMLElement): void => {
  const program = programOf(block)
  const { color, element, field } = editor(program)
  const output = pane("Output", "Nothing yet")
  const events = pane("Events of the cache", "Nothing yet")
  const status = make("span", { className: "status" })
  status.setAttribute("role", "status")
  let worker: Worker | undefined
  let timer: ReturnType<typeof setTimeout> | undefined

  const stop = (says: string): void => {
    clearTimeout(timer)
    worker?.terminate()
    worker = undefined
    status.textContent = says
  }
  const hear = (told: Told): void => {
    if (told.tag === "printed") return output.add(told.text, told.isError ? "error" : "")
    if (told.tag === "event") return events.add(told.text, told.name.toLowerCase(), told.name)
    if (told.tag === "ended") return void (status.textContent = `Ended after ${Math.round(told.millis)} ms`)
    if (told.tag === "failed") {
      output.add(told.text, "error")
      return void (status.textContent = "Failed")
    }
    status.textContent = "Running"
    timer = setTimeout(
      () => stop(status.textContent === "Running" ? "Stopped: a program may run for five seconds" : status.textContent),
      limitMillis
    )
  }
  const run = (): void => {
    stop("Loading the library")
    output.clear()
    events.clear()
    const started = new Worker(new URL("worker.js", import.meta.url), { type: "module" })
    started.addEventListener("message", ({ data }: MessageEvent<Told>) => started === worker && hear(data))
    started.addEventListener(
      "error",
      () => started === worker && hear({ tag: "failed", text: "The library could not be loaded" })
    )
    started.postMessage(field.value)
    worker = started
  }
  const runButton = button("Run", run)
  runButton.className = "run"
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run()
  })
  const reset = button("As on the page", () => {
    field.value = program
    color()
  })
  block.replaceWith(make(
    "div",
    { className: "play not-content" },
    element,
    make("div", { className: "buttons" }, runButton, reset, make("kbd", {}, "Ctrl Enter"), status),
    make("div", { className: "panes" }, output.element, events.element)
  ))
  run()
}
