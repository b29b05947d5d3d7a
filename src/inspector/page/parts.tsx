/** Parts that several views use: charts, the bar of a life, tiles, dialogs. */
import type { ComponentChildren } from "preact"
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks"
import uPlot from "uplot"
import type * as Api from "../api.ts"
import { clock, duration, visible } from "./format.ts"

export const Tile = (props: { name: string; value: string; note?: ComponentChildren; tone?: string; fill?: number | undefined }) => (
  <div class={`tile ${props.tone ?? ""}`}>
    <dt>{props.name}</dt>
    <dd>
      <b>{props.value}</b>
      {props.fill !== undefined && (
        <span class="meter" aria-hidden="true">
          <i style={{ width: `${Math.min(100, 100 * props.fill)}%` }} />
        </span>
      )}
      <small>{props.note ?? "\u00a0"}</small>
    </dd>
  </div>
)

export const Empty = (props: { title: string; children?: ComponentChildren }) => (
  <div class="empty">
    <b>{props.title}</b>
    <p>{props.children}</p>
  </div>
)

export const Failed = ({ why }: { why: string }) => <p class="failed" role="alert">{why}</p>

/** An answer that a view waits for: not here yet, failed, or shown. */
export const Asked = <A,>({ children, loading = "Asking…", value, why }: {
  value: A | undefined
  why: string | undefined
  loading?: string
  children: (value: A) => ComponentChildren
}) => (
  <>
    {why !== undefined && <Failed why={why} />}
    {value !== undefined ? children(value) : why === undefined && <p class="loading">{loading}</p>}
  </>
)

interface FieldProps {
  readonly label: ComponentChildren
  readonly value: string
  readonly placeholder?: string
  readonly type?: "password"
  readonly set: (text: string) => void
}

export const Field = ({ label, set, ...input }: FieldProps) => (
  <label class="field">
    <span>{label}</span>
    <input spellcheck={false} autocomplete="off" {...input} onInput={(event) => set(event.currentTarget.value)} />
  </label>
)

/** One of a few, as buttons of a radio. */
export const Tabs = <A extends string>({ all, name, set, value }: {
  name: string
  all: ReadonlyArray<readonly [A, string]>
  value: A
  set: (value: A) => void
}) => (
  <fieldset class="tabs">
    <legend>{name}</legend>
    {all.map(([one, text]) => (
      <label>
        <input type="radio" name={name} checked={value === one} onChange={() => set(one)} />
        <span>{text}</span>
      </label>
    ))}
  </fieldset>
)

/** The id of a key class begins with its name and a fingerprint, which few need to read. */
export const Name = ({ name, plain }: { name: string; plain?: boolean }) => {
  const [text = "", prefix] = /^(~[^:~]+:)/.exec(name) ?? []
  const rest = visible(prefix === undefined ? name : name.slice(text.length)).slice(0, 400)
  return (
    <bdi class={plain === true ? "name plain" : "name"} title={visible(name)}>
      {prefix !== undefined && plain !== true ? <><i>{prefix}</i>{rest}</> : visible(name).slice(0, 400)}
    </bdi>
  )
}

/** From birth over the soft deadline to the end, with now in it. */
export const Life = ({ entry, now }: { entry: Api.Entry; now: number }) => {
  const { createdAt, expiresAt, softAt } = entry
  const soft = softAt === null ? Infinity : Math.max(createdAt, softAt)
  const end = expiresAt ?? Infinity
  const age = Math.max(0, now - createdAt)
  const whole = end < Infinity ? end - createdAt : soft < Infinity ? 2 * Math.max(soft - createdAt, age) : 2 * age || 1
  const at = (time: number): number => 100 * Math.min(1, Math.max(0, (time - createdAt) / (whole || 1)))
  const fresh = soft === Infinity ? 100 : at(soft)
  const text = end <= now
    ? "expired"
    : now < soft
    ? soft === Infinity ? end === Infinity ? "fresh for ever" : `fresh, ends in ${duration(end - now)}` : `fresh for ${duration(soft - now)}`
    : end === Infinity
    ? "stale"
    : `stale, ends in ${duration(end - now)}`
  return (
    <span class="life" title={`${text}; born ${duration(age)} ago`}>
      <span class={`bar ${end === Infinity ? "open" : ""}`} aria-hidden="true">
        <i class="fresh" style={{ width: `${fresh}%` }} />
        <i class="stale" style={{ left: `${fresh}%`, width: `${100 - fresh}%` }} />
        <i class="now" style={{ left: `${at(now)}%` }} />
      </span>
      <small>{text}</small>
    </span>
  )
}

export interface Line {
  readonly name: string
  readonly color: string
  readonly values: ReadonlyArray<number | null>
}

interface ChartProps {
  readonly title: string
  readonly note?: ComponentChildren
  /** Seconds, or whatever the axis shows. */
  readonly x: ReadonlyArray<number>
  readonly lines: ReadonlyArray<Line>
  readonly isStack?: boolean
  readonly show: (value: number) => string
  readonly most?: number
  /** The whole range of a chart over time. */
  readonly range?: readonly [number, number]
  readonly bands?: ReadonlyArray<{ readonly from: number; readonly to: number; readonly color: string }>
  readonly showX?: (value: number) => string
  readonly mark?: number
}

const css = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

const stacked = (lines: ReadonlyArray<Line>): Array<Array<number | null>> => {
  const sums: Array<Array<number | null>> = []
  for (const { values } of lines) {
    const below = sums.at(-1)
    sums.push(values.map((value, i) => value === null ? null : value + (below?.[i] ?? 0)))
  }
  return sums
}

const scheme = matchMedia("(prefers-color-scheme: dark)")

export const Chart = (props: ChartProps) => {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(null)
  const latest = useRef(props)
  latest.current = props
  const [at, setAt] = useState<number | null>(null)
  const [tick, setTick] = useState(0)
  const { isStack, lines, x } = props
  const data = (): uPlot.AlignedData =>
    [x, ...isStack ? stacked(lines).reverse() : lines.map(({ values }) => values)] as never
  const shape = lines.map(({ color, name }) => name + color).join()
  useLayoutEffect(() => {
    const drawn = isStack ? lines.toReversed() : lines
    const axis = { stroke: css("--muted"), font: "11px system-ui", grid: { stroke: css("--line"), width: 1 } }
    const made = new uPlot({
      width: place.current!.clientWidth,
      height: 150,
      legend: { show: false },
      padding: [8, 8, 0, 0],
      cursor: {
        y: false,
        points: { show: !isStack, size: 6 },
        drag: { x: false, y: false },
        ...props.range === undefined ? {} : { sync: { key: "time" } }
      },
      scales: {
        x: {
          time: props.showX === undefined,
          range: () => (latest.current.range ?? [latest.current.x[0] ?? 0, latest.current.x.at(-1) || 1]) as [number, number]
        },
        y: { range: (_, __, max) => [0, latest.current.most ?? (max > 0 ? max * 1.12 : 1)] }
      },
      axes: [
        {
          ...axis,
          size: 26,
          space: 70,
          grid: { show: false },
          ticks: { show: false },
          values: (_, ticks) => ticks.map((tick) => latest.current.showX?.(tick) ?? clock(1000 * tick, ticks.length > 1 && ticks[1]! - ticks[0]! < 60))
        },
        {
          ...axis,
          size: 58,
          space: 34,
          ticks: { show: false },
          values: (_, ticks) => ticks.map((tick) => latest.current.show(tick))
        }
      ],
      series: [
        {},
        ...drawn.map(({ color }): uPlot.Series => ({
          stroke: css(color),
          width: isStack ? 1 : 1.75,
          points: { show: false },
          ...isStack ? { fill: css(color) } : {}
        }))
      ],
      hooks: {
        setCursor: [(u) => setAt(u.cursor.idx ?? null)],
        drawClear: [(u) => {
          const { ctx, bbox } = u
          const px = (value: number) =>
            Math.min(bbox.left + bbox.width, Math.max(bbox.left, u.valToPos(value, "x", true)))
          for (const { color, from, to } of latest.current.bands ?? []) {
            ctx.fillStyle = css(color)
            ctx.fillRect(px(from), bbox.top, Math.max(2, px(to) - px(from)), bbox.height)
          }
          if (latest.current.mark !== undefined) {
            ctx.fillStyle = css("--accent")
            ctx.fillRect(px(latest.current.mark), bbox.top, 2, bbox.height)
          }
        }]
      }
    }, data(), place.current!)
    plot.current = made
    const resized = new ResizeObserver(([entry]) =>
      made.setSize({ width: Math.max(100, Math.floor(entry!.contentRect.width)), height: 150 })
    )
    resized.observe(place.current!)
    const recolor = () => setTick((tick) => tick + 1)
    scheme.addEventListener("change", recolor)
    return () => {
      scheme.removeEventListener("change", recolor)
      resized.disconnect()
      made.destroy()
    }
  }, [shape, tick])
  useEffect(() => plot.current?.setData(data()))
  const shown = at === null || at >= x.length ? x.length - 1 : at
  const valueOf = ({ values }: Line) => {
    const value = values[shown]
    return value === null || value === undefined ? "–" : props.show(value)
  }
  return (
    <figure class="chart card">
      <figcaption>
        <h3>{props.title}</h3>
        <span class="note">{props.note}</span>
      </figcaption>
      <ul class="legend">
        {lines.map((line) => (
          <li>
            <i style={{ background: `var(${line.color})` }} aria-hidden="true" />
            {line.name} <b>{valueOf(line)}</b>
          </li>
        ))}
      </ul>
      <div
        ref={place}
        class="plot"
        role="img"
        aria-label={`${props.title}, at the end: ${lines.map((line) => `${line.name} ${valueOf(line)}`).join(", ")}`}
      />
    </figure>
  )
}

export const Dialog = (props: { title: string; kind?: string; close: () => void; children: ComponentChildren }) => {
  const self = useRef<HTMLDialogElement>(null)
  // An effect that is not of the layout would end after the dialog has left the page.
  useLayoutEffect(() => {
    const dialog = self.current!
    dialog.showModal()
    // Closing it gives the focus back.
    return () => dialog.close()
  }, [])
  return (
    <dialog
      ref={self}
      class={props.kind ?? ""}
      aria-label={props.title}
      // The browser tells it a frame later. By then, another dialog may be open in place of one that has left the page.
      onClose={() => self.current !== null && props.close()}
      onClick={(event) => event.target === self.current && self.current!.close()}
    >
      <header>
        <h2><bdi>{props.title}</bdi></h2>
        <button type="button" class="quiet" aria-label="Close" onClick={() => self.current!.close()}>✕</button>
      </header>
      <div class="inside">{props.children}</div>
    </dialog>
  )
}
