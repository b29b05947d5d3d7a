/** Measures how full the heap of a Node process is. */
import { constants, type PerformanceEntry, PerformanceObserver } from "node:perf_hooks"
import { getHeapStatistics } from "node:v8"
import { resourceLimits } from "node:worker_threads"

/** An entry that a `PerformanceObserver` receives for a garbage collection. Node's own type lacks the `kind`. */
interface Collection extends PerformanceEntry {
  readonly detail?: { readonly kind?: number }
}

const mebibyte = 2 ** 20

/** V8's heap limit includes three spaces of 64 MiB for young objects, which long-lived entries do not use. */
const young = 192 * mebibyte

const flag = /--max[-_]old[-_]space[-_]size[= ](\d+)/

/** The heap limit for old objects, in bytes. V8 reports only the sum of the limits for old and young objects. */
const limitOf = (): number => {
  const given = flag.exec([process.env["NODE_OPTIONS"], ...process.execArgv].join(" "))?.[1]
  const megabytes = resourceLimits?.maxOldGenerationSizeMb ?? (given === undefined ? undefined : Number(given))
  if (megabytes !== undefined) return megabytes * mebibyte
  const { heap_size_limit } = getHeapStatistics()
  return Math.max(heap_size_limit - young, heap_size_limit / 2)
}

/** Tells the used share of the heap after each full garbage collection. Does not keep the process alive. */
export const watchHeap = (listener: (share: number) => void): () => void => {
  const limit = limitOf()
  const observer = new PerformanceObserver((list) => {
    const kinds = list.getEntries().map((entry) => (entry as Collection).detail?.kind)
    if (kinds.includes(constants.NODE_PERFORMANCE_GC_MAJOR)) listener(getHeapStatistics().used_heap_size / limit)
  })
  observer.observe({ entryTypes: ["gc"] })
  return () => observer.disconnect()
}
