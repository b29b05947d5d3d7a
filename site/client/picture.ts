/** A picture of a strategy that the reader changes; the library records each change under a `TestClock`. */
import { Effect } from "effect"
import { withoutColors } from "../../test/docs/pictures/colors.ts"
import { draw, left, right, width } from "../../test/docs/pictures/draw.ts"
import { type Answer, stepsAMinute, type Timeline, timelineOf } from "../../test/docs/pictures/run.ts"
import { type Scenario, scenarios, type Settings } from "../../test/docs/pictures/scenarios.ts"
import { button, make } from "./elements.ts"

type Name = keyof Settings

/** The largest value of each setting, in the words of the slider. */
const most = (name: Name, { minutes, settings }: Scenario): number =>
  name === "hits" ? 10 : name === "softTtl" || name === "refreshAfter" ? settings.ttl! - 1 : minutes

/** A hard deadline that has a soft one before it. */
const least = (name: Name, { settings }: Scenario): number =>
  name === "ttl" && ("softTtl" in settings || "refreshAfter" in settings) ? 2 : 1

const kept = (value: number, least: number, greatest: number): number => Math.min(Math.max(value, least), greatest)

/** Settings that fit each other: a soft deadline comes before the hard one. */
const fitting = (scenario: Scenario): Scenario => {
  const settings = Object.fromEntries(
    Object.entries(scenario.settings).map(([name, value]) => [name, kept(value, 1, most(name as Name, scenario))])
  )
  return { ...scenario, settings }
}

const answers: Record<Answer, string> = {
  loaded: "waited for a load",
  fresh: "served from the cache",
  stale: "served stale",
  failed: "got the failure"
}

const inWords = ({ loads, reads }: Timeline): string => {
  const counts = Object.entries(answers).map(([answer, text]) =>
    [reads.filter((read) => read.answer === answer).length, text] as const
  ).filter(([count]) => count > 0).map(([count, text]) => `${count} ${text}`)
  return `${loads.length} ${loads.length === 1 ? "load" : "loads"} for ${reads.length} callers: ${counts.join(", ")}.`
}

interface Slider {
  readonly element: HTMLElement
  readonly show: (scenario: Scenario) => void
}

/** A slider over one number of a scenario. */
const slider = (
  label: string,
  unit: (value: number) => string,
  of: (scenario: Scenario) => readonly [value: number, least: number, most: number, step: number] | undefined,
  change: (value: number) => void
): Slider => {
  const input = make("input", { type: "range" })
  const output = make("output", {})
  const element = make("label", {}, make("span", {}, label), input, output)
  input.addEventListener("input", () => change(Number(input.value)))
  const show = (scenario: Scenario): void => {
    const range = of(scenario)
    element.hidden = range === undefined
    if (range === undefined) return
    const [value, least, greatest, step] = range
    Object.assign(input, { min: `${least}`, max: `${greatest}`, step: `${step}` })
    input.value = `${value}`
    output.textContent = unit(value)
    input.setAttribute("aria-valuetext", unit(value))
  }
  return { element, show }
}

const minutesOf = (value: number): string => `${value} min`
const secondsOf = (value: number): string => value % 60 === 0 ? minutesOf(value / 60) : `${value} s`

export const turn = (figure: HTMLElement, file: string): void => {
  const recorded = scenarios.find((one) => one.file === file)!
  let scenario = recorded
  let latest = 0
  const result = make("p", { className: "result" })
  result.setAttribute("role", "status")
  let newCaller = Math.round(recorded.minutes / 2)

  const change = (changed: Partial<Scenario>): void => {
    scenario = fitting({ ...scenario, ...changed })
    show()
  }
  const outage = (from: number, to: number): void => {
    const start = kept(from, 0, scenario.minutes - 1)
    change({ down: [start, kept(to, start + 1, scenario.minutes)] })
  }
  const settings = Object.keys(recorded.settings).map((key) => {
    const name = key as Name
    return slider(
      name,
      name === "hits" ? String : minutesOf,
      (of) => [of.settings[name]!, least(name, of), most(name, of), 1],
      (value) => change({ settings: { ...scenario.settings, [name]: value } })
    )
  })
  const sliders = [
    ...settings,
    slider(
      "a load takes",
      secondsOf,
      ({ loadSeconds }) => [loadSeconds, 15, 240, 15],
      (loadSeconds) => change({ loadSeconds })
    ),
    slider(
      "the source fails from",
      minutesOf,
      ({ down, minutes }) => down && [down[0], 0, minutes - 1, 0.5],
      (value) => outage(value, scenario.down![1])
    ),
    slider(
      "until",
      minutesOf,
      ({ down, minutes }) => down && [down[1], 1, minutes, 0.5],
      (value) => outage(Math.min(scenario.down![0], value - 1), value)
    ),
    slider("a caller comes at", minutesOf, ({ minutes }) => [newCaller, 0, minutes, 0.5], (value) => {
      newCaller = value
      show()
    })
  ]
  const toggleOutage = button("", () => {
    if (scenario.down === undefined) outage(scenario.minutes * 0.4, scenario.minutes * 0.7)
    else change({ down: undefined })
  })
  const addCaller = button("Add the caller", () => change({ reads: [...scenario.reads, newCaller] }))
  const reset = button("As recorded", () => change(recorded))

  const show = (): void => {
    for (const { show } of sliders) show(scenario)
    toggleOutage.textContent = scenario.down === undefined ? "Add an outage" : "Without the outage"
    const mine = ++latest
    void Effect.runPromise(timelineOf(scenario)).then((timeline) => {
      // A later change may be recorded sooner.
      if (mine !== latest) return
      const says = inWords(timeline)
      figure.innerHTML = withoutColors(draw({ ...scenario, says }, timeline))
      result.textContent = says
    })
  }

  const hint = make(
    "p",
    { className: "hint" },
    "Drag the outage in the picture; click beside “reads” to add or remove a caller."
  )
  const controls = make(
    "div",
    { className: "controls not-content" },
    ...sliders.map(({ element }) => element),
    make("div", { className: "buttons" }, toggleOutage, addCaller, reset),
    hint,
    result
  )
  figure.classList.add("turned")
  figure.after(controls)
  point(figure, () => scenario, outage, (reads) => change({ reads }))
  show()
}

/** Lets a pointer change the picture: it drags the outage or one of its ends, and adds and removes callers. */
const point = (
  figure: HTMLElement,
  current: () => Scenario,
  outage: (from: number, to: number) => void,
  changeReads: (reads: ReadonlyArray<number>) => void
): void => {
  const placeOf = ({ clientX, clientY }: MouseEvent): readonly [row: string, minute: number] => {
    const svg = figure.querySelector("svg")!
    const box = svg.getBoundingClientRect()
    const scale = width / box.width
    const minute = ((clientX - box.left) * scale - left) / (right - left) * current().minutes
    const y = (clientY - box.top) * scale
    const row = Array.from(svg.querySelectorAll("text.label")).find((label) =>
      Math.abs(Number(label.getAttribute("y")) - 5 - y) < 20
    )
    return [row?.textContent ?? "", kept(Math.round(minute * stepsAMinute) / stepsAMinute, 0, current().minutes)]
  }
  let drag: ((minute: number) => void) | undefined
  figure.addEventListener("pointerdown", (event) => {
    const [row, minute] = placeOf(event)
    const { down } = current()
    if (row === "source" && down !== undefined) {
      const [from, to] = down
      const near = Math.min(1.5, (to - from) / 3)
      drag = Math.abs(minute - from) < near
        ? (now) => outage(Math.min(now, to - 1), to)
        : Math.abs(minute - to) < near
        ? (now) => outage(from, Math.max(now, from + 1))
        : (now) => {
          const start = kept(from + now - minute, 0, current().minutes - (to - from))
          outage(start, start + to - from)
        }
      figure.setPointerCapture(event.pointerId)
      event.preventDefault()
    }
  })
  figure.addEventListener("click", (event) => {
    const [row, minute] = placeOf(event)
    if (row !== "reads") return
    const { reads } = current()
    const others = reads.filter((read) => Math.abs(read - minute) > 0.3)
    changeReads(others.length < reads.length ? others : [...reads, minute])
  })
  figure.addEventListener("pointermove", (event) => drag?.(placeOf(event)[1]))
  for (const end of ["pointerup", "pointercancel"] as const) figure.addEventListener(end, () => void (drag = undefined))
}
