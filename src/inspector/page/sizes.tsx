/** Whether memory is large enough, and what fills it. */
import { useEffect, useState } from "preact/hooks"
import type * as Api from "../api.ts"
import { ask, read } from "./client.ts"
import { number, percent, plural } from "./format.ts"
import { Asked, Chart, Empty, Name, Tile } from "./parts.tsx"

/** The hit ratio at a capacity: that of the largest point below it. */
const ratioAt = ({ points }: Api.Curve, capacity: number): number => {
  let ratio = 0
  for (const point of points) if (point.capacity <= capacity) ratio = point.hitRatio
  return ratio
}

export const Sizes = ({ cache, index, process }: { cache: Api.Cache; index: number; process: string }) => {
  const [curve, setCurve] = useState<Api.Curve | null>()
  const [pass, setPass] = useState<Api.Pass>()
  const [why, setWhy] = useState<string>()
  useEffect(() => {
    const abort = new AbortController()
    const failed = (error: Error) => abort.signal.aborted || setWhy(error.message)
    setCurve(undefined)
    setPass(undefined)
    ask<{ curve: Api.Curve | null }>("curve", { cache: index }).then(({ curve }) => setCurve(curve), failed)
    read<Api.Pass>("pass", { cache: index, order: "heaviest" }, abort.signal, setPass).catch(failed)
    return () => abort.abort()
  }, [index, process])
  const unit = cache.isWeighed ? "weight" : "entries"
  return (
    <>
      <Asked value={curve} why={why}>{(curve) => curve === null
        ? (
          <Empty title="There is no curve of hit ratios">
            Build the cache with <code>curve: true</code> to see here what a larger or smaller memory would change. It costs
            each read of memory a little.
          </Empty>
        )
        : curve.points.length < 2
        ? <Empty title="There is no curve yet">It is drawn once enough ids have been read again: {number(curve.reads)} reads so far.</Empty>
        : <CurveOf curve={curve} unit={unit} />}</Asked>
      <section class="card">
        <h3>{cache.isWeighed ? "Weight" : "Entries"} by class</h3>
        {pass === undefined ? <p class="loading">Counting…</p> : (
          <>
            <p class="said">
              {pass.isDone ? "" : `${percent(pass.scanned / (pass.of || 1))} looked at: `}
              {plural(pass.matched, "entry", "entries")}{cache.isWeighed && `, ${number(pass.weight)} weight`}
              {cache.capacity !== null && ` of ${number(cache.capacity)}`}
            </p>
            <ul class="bars">
              {pass.classes.map(({ entries, keyClass, weight }) => (
                <li>
                  <span>{keyClass === null ? "string keys" : <Name name={keyClass} />}</span>
                  <span class="meter" aria-hidden="true"><i style={{ width: `${100 * weight / (pass.classes[0]!.weight || 1)}%` }} /></span>
                  <span class="n">{percent(weight / (pass.weight || 1))}</span>
                  <span class="n muted">{plural(entries, "entry", "entries")}</span>
                </li>
              ))}
            </ul>
            {pass.isDone && pass.classes.length === 0 && <p class="hint">Memory is empty.</p>}
          </>
        )}
      </section>
    </>
  )
}

const CurveOf = ({ curve, unit }: { curve: Api.Curve; unit: string }) => {
  const { capacity, points, reads, share } = curve
  const now = ratioAt(curve, capacity)
  const most = Math.max(points.at(-1)!.capacity, 2 * capacity)
  const all = [{ capacity: 0, hitRatio: 0 }, ...points, { capacity: most, hitRatio: points.at(-1)!.hitRatio }]
  return (
    <>
      <dl class="tiles four">
        {[[0.5, "Half"], [1, "Today"], [2, "Twice"], [4, "Four times"]].map(([times, name]) => {
          const at = ratioAt(curve, capacity * Number(times))
          const change = 100 * (at - now)
          return (
            <Tile
              name={`${name}: ${number(capacity * Number(times))} ${unit}`}
              value={percent(at)}
              note={times === 1 ? "of the reads are hits" : Math.abs(change) < 0.05 ? "no difference" : `${change > 0 ? "+" : "−"}${Math.abs(change).toFixed(1)} points`}
              tone={times === 1 ? "today" : ""}
            />
          )
        })}
      </dl>
      <Chart
        title="Hit ratio by capacity"
        note={`from ${number(reads)} reads, ${percent(share)} of the ids`}
        x={all.map(({ capacity }) => capacity)}
        lines={[{ name: "hit ratio", color: "--c1", values: all.map(({ hitRatio }) => hitRatio) }]}
        show={percent}
        showX={number}
        most={1}
        mark={capacity}
      />
      <p class="hint">
        The line is today's capacity. {ratioAt(curve, 2 * capacity) - now < 0.005
          ? "A larger memory would add hardly any hits."
          : `2 times the capacity: ${percent(now)} → ${percent(ratioAt(curve, 2 * capacity))} hits.`}
      </p>
    </>
  )
}
