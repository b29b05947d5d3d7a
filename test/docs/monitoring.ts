/**
 * The dashboard and the alerts of the package, written from the list of metrics by `npm run generate`: `monitoring/`
 * has them as files. The panels and alerts name metrics as members of the list, so none is misspelled.
 */
import { stringify } from "yaml"
import { type Definition, ofCache, ofClass, ofStore } from "../../src/metrics/list.ts"

interface Target {
  readonly expr: string
  readonly legend: string
}

export interface Panel {
  readonly title: string
  readonly description: string
  readonly unit: string
  readonly targets: ReadonlyArray<Target>
}

interface Row {
  readonly title: string
  readonly panels: ReadonlyArray<Panel>
}

const selector = (labels = "") => `{cache=~"$cache"${labels === "" ? "" : `, ${labels}`}}`

/** Events a second. */
const rate = ({ name }: Definition, labels?: string): string => `rate(${name}${selector(labels)}[$__rate_interval])`

const sum = (by: string, what: string): string => `sum by (${by}) (${what})`

const perSecond = (metric: Definition, ...by: ReadonlyArray<string>): Target => ({
  expr: sum(by.join(", "), rate(metric)),
  legend: by.map((label) => `{{${label}}}`).join(" ")
})

const now = ({ name }: Definition, legend: string): Target => ({
  expr: `sum by (cache) (${name}${selector()})`,
  legend: `{{cache}} ${legend}`
})

const percentile = (share: number, { name }: Definition, by: string): Target => ({
  expr: `histogram_quantile(${share}, sum by (le, ${by}) (rate(${name}_bucket${selector()}[$__rate_interval])))`,
  legend: `{{${by}}} p${share * 100}`
})

const hits = `source=~"memory|store|stale"`

export const rows: ReadonlyArray<Row> = [
  {
    title: "Reads",
    panels: [
      {
        title: "Hit ratio",
        description: "The share of reads that were answered without waiting for a load.",
        unit: "percentunit",
        targets: [{
          expr: `${sum("cache, class", rate(ofClass.reads, hits))} / ${sum("cache, class", rate(ofClass.reads))}`,
          legend: "{{cache}} {{class}}"
        }]
      },
      {
        title: "Reads by source",
        description: "Answers from memory, the store, a load, a stale value or a fallback.",
        unit: "reqps",
        targets: [perSecond(ofClass.reads, "source")]
      },
      {
        title: "Stale answers",
        description: "Reads answered with a stale value, while a refresh runs or because a load failed.",
        unit: "reqps",
        targets: [{
          expr: sum("cache, class", rate(ofClass.reads, `source=~"stale|fallback"`)),
          legend: "{{cache}} {{class}}"
        }]
      },
      {
        title: "Waiting reads and running loads",
        description: "Reads that wait, loads that run, and refreshes that wait for a slot.",
        unit: "short",
        targets: [
          now(ofCache.waiters, "waiting reads"),
          now(ofCache.flights, "loads"),
          now(ofCache.refreshQueue, "queued")
        ]
      }
    ]
  },
  {
    title: "Loads",
    panels: [
      {
        title: "Loads by outcome",
        description: "Loads that ended: success, failure, timeout, interrupted or notModified.",
        unit: "ops",
        targets: [perSecond(ofClass.loads, "origin", "outcome")]
      },
      {
        title: "Load time",
        description: "The median and the 99th percentile of load times, by key class.",
        unit: "s",
        targets: [percentile(0.5, ofClass.loadSeconds, "class"), percentile(0.99, ofClass.loadSeconds, "class")]
      },
      {
        title: "Refreshes",
        description: "Loads that were requested in the background.",
        unit: "ops",
        targets: [perSecond(ofClass.refreshes, "cache", "class")]
      },
      {
        title: "Results that were not stored",
        description: "Results of loads that were not cached, by reason.",
        unit: "ops",
        targets: [perSecond(ofClass.notStored, "because")]
      }
    ]
  },
  {
    title: "Memory",
    panels: [
      {
        title: "Entries",
        description: "Entries in the memory tier.",
        unit: "short",
        targets: [now(ofCache.entries, "entries")]
      },
      {
        title: "Memory in use",
        description: "The weight of all entries, as a share of the capacity.",
        unit: "percentunit",
        targets: [{
          expr: `${now(ofCache.weight, "").expr} / ${now(ofCache.capacity, "").expr}`,
          legend: "{{cache}}"
        }]
      },
      {
        title: "Removals by cause",
        description: "Many evictions mean that the memory is too small.",
        unit: "ops",
        targets: [perSecond(ofCache.removals, "cause")]
      },
      {
        title: "Invalidations",
        description: "Keys and tags that this process invalidated, and clears.",
        unit: "ops",
        targets: [perSecond(ofCache.invalidations, "kind", "mode")]
      }
    ]
  },
  {
    title: "Store",
    panels: [
      {
        title: "Operations by result",
        description: "Operations of the store: success, or the reason of the error.",
        unit: "ops",
        targets: [perSecond(ofStore.operations, "result")]
      },
      {
        title: "Operation time",
        description: "The 99th percentile of the store's answers, by operation.",
        unit: "s",
        targets: [percentile(0.99, ofStore.seconds, "operation")]
      },
      {
        title: "Bytes",
        description: "Encoded values read from the store, or encoded for it.",
        unit: "Bps",
        targets: [perSecond(ofStore.bytes, "direction")]
      },
      {
        title: "State",
        description: "1 while the store fails, is not asked because it timed out, or its changes cannot be followed.",
        unit: "short",
        targets: [
          now(ofStore.failing, "fails"),
          now(ofStore.circuitOpen, "not asked"),
          now(ofStore.untracked, "untracked")
        ]
      },
      {
        title: "Faults",
        description: "Operations that failed in the store or the serializer.",
        unit: "ops",
        targets: [perSecond(ofStore.failures, "cache")]
      },
      {
        title: "Pending and lost invalidations",
        description: "Changes that the store has not acknowledged, and those that it never did.",
        unit: "short",
        targets: [now(ofStore.pendingInvalidations, "pending"), now(ofCache.lostInvalidations, "lost")]
      },
      {
        title: "Waiting for leases",
        description: "The 99th percentile of the time for which loads waited for other processes.",
        unit: "s",
        targets: [percentile(0.99, ofStore.leaseWaits, "cache")]
      }
    ]
  },
  {
    title: "Program",
    panels: [
      {
        title: "Transactions",
        description: "Transactions by outcome, each try counted.",
        unit: "ops",
        targets: [perSecond(ofCache.transactions, "outcome")]
      },
      {
        title: "Streams",
        description: "Pages of streams read from the store and written, and consumers that lagged.",
        unit: "ops",
        targets: [perSecond(ofCache.streamEvents, "kind")]
      },
      {
        title: "Calls refused by guards",
        description: "Calls that rate limits and circuit breakers refused.",
        unit: "ops",
        targets: [perSecond(ofCache.guardRefusals, "kind")]
      },
      {
        title: "Callbacks that threw",
        description: "Calls of listeners and policies that threw.",
        unit: "ops",
        targets: [perSecond(ofCache.callbackFailures, "cache")]
      }
    ]
  }
]

const datasource = { type: "prometheus", uid: "${datasource}" }
const width = 6
const height = 8

const panelsOf = (): ReadonlyArray<object> => {
  const panels: Array<object> = []
  let y = 0
  const add = (panel: object) => panels.push({ id: panels.length + 1, ...panel })
  for (const row of rows) {
    add({ type: "row", title: row.title, collapsed: false, gridPos: { h: 1, w: 24, x: 0, y }, panels: [] })
    for (const [i, { description, targets, title, unit }] of row.panels.entries()) {
      add({
        type: "timeseries",
        title,
        description,
        datasource,
        gridPos: { h: height, w: width, x: i * width % 24, y: y + 1 + Math.floor(i * width / 24) * height },
        fieldConfig: { defaults: { unit, min: 0, custom: { fillOpacity: 10 } }, overrides: [] },
        options: { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi" } },
        targets: targets.map(({ expr, legend }, nth) => ({
          refId: String.fromCharCode(65 + nth),
          datasource,
          expr,
          legendFormat: legend
        }))
      })
    }
    y += 1 + Math.ceil(row.panels.length * width / 24) * height
  }
  return panels
}

const dashboard = (): object => ({
  title: "effect-cached",
  uid: "effect-cached",
  tags: ["effect-cached"],
  schemaVersion: 39,
  editable: true,
  refresh: "30s",
  time: { from: "now-1h", to: "now" },
  templating: {
    list: [
      { name: "datasource", label: "Data source", type: "datasource", query: "prometheus" },
      {
        name: "cache",
        label: "Cache",
        type: "query",
        datasource,
        query: { query: `label_values(${ofClass.reads.name}, cache)`, refId: "cache" },
        refresh: 2,
        multi: true,
        includeAll: true,
        allValue: ".*",
        current: { text: "All", value: "$__all" }
      }
    ]
  },
  panels: panelsOf()
})

interface Alert {
  readonly alert: string
  readonly expr: string
  readonly for: string
  readonly severity: "warning" | "critical"
  readonly summary: string
  readonly description: string
}

const of5m = ({ name }: Definition, labels?: string) => `rate(${name}${labels ? `{${labels}}` : ""}[5m])`
const of30m = ({ name }: Definition, labels?: string) => `rate(${name}${labels ? `{${labels}}` : ""}[30m])`
const failed = `outcome=~"failure|timeout|restarted"`

export const alerts: ReadonlyArray<Alert> = [
  {
    alert: "EffectCachedOriginFails",
    expr: `${sum("job, cache, class", of5m(ofClass.loads, failed))} > 0.5 * ` +
      `${sum("job, cache, class", of5m(ofClass.loads))} and ` +
      `${sum("job, cache, class", of5m(ofClass.reads, `source=~"stale|fallback"`))} > 0`,
    for: "5m",
    severity: "warning",
    summary: "Loads of {{ $labels.cache }} {{ $labels.class }} fail behind stale answers",
    description: "More than half of the loads fail. Callers get stale values, until these end."
  },
  {
    alert: "EffectCachedStoreDown",
    expr: `max by (job, cache) (${ofStore.failing.name}) > 0`,
    for: "2m",
    severity: "critical",
    summary: "The store of {{ $labels.cache }} fails",
    description: "The cache works without it: all processes load for themselves."
  },
  {
    alert: "EffectCachedUntracked",
    expr: `max by (job, cache) (${ofStore.untracked.name}) > 0`,
    for: "5m",
    severity: "warning",
    summary: "{{ $labels.cache }} cannot follow changes by other processes",
    description: "Entries in memory are trusted for maxStaleness at most, so more reads ask the store."
  },
  {
    alert: "EffectCachedTooSmall",
    expr: `${sum("job, cache", of30m(ofCache.removals, `cause="evicted"`))} > 0.5 * ` +
      `${sum("job, cache", of30m(ofClass.reads, `source="load"`))} and ` +
      `${sum("job, cache", of30m(ofClass.reads, `source="load"`))} > 0.2 * ` +
      sum("job, cache", of30m(ofClass.reads)),
    for: "30m",
    severity: "warning",
    summary: "The memory of {{ $labels.cache }} is too small",
    description:
      "More than a fifth of the reads load, and most results evict another one. See the curve of Cached.stats."
  },
  {
    alert: "EffectCachedInvalidationsPending",
    expr: `max by (job, cache) (${ofStore.pendingInvalidations.name}) > 0`,
    for: "5m",
    severity: "critical",
    summary: "The store of {{ $labels.cache }} has not acknowledged invalidations",
    description: "Other processes may still serve what this process has invalidated."
  }
]

const rules = () => ({
  groups: [{
    name: "effect-cached",
    rules: alerts.map(({ alert, description, expr, for: duration, severity, summary }) => ({
      alert,
      expr,
      for: duration,
      labels: { severity },
      annotations: { summary, description }
    }))
  }]
})

/** The files, by their paths. */
export const monitoring: ReadonlyMap<string, string> = new Map([
  ["monitoring/grafana.json", JSON.stringify(dashboard(), undefined, 2) + "\n"],
  [
    "monitoring/alerts.yml",
    "# Alerts of effect-cached for Prometheus, written by `npm run generate` from the list of metrics.\n" +
    stringify(rules(), { lineWidth: 0 })
  ]
])
