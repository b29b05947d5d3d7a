/** The messages between the processes of the fleet, and how they are shown. */

export const size = 8
export const lease = "2 seconds"
export const loadTime = "800 millis"

/** Reads this from now on. If there is content, writes it first. */
export interface Order {
  readonly subject: string
  readonly content?: string
}

/** The places that all processes share: the origin in the folder, and the cache there or on a Redis server. */
export interface Places {
  readonly directory: string
  readonly url?: string
}

export type News =
  | { readonly _tag: "Reads"; readonly reads: number; readonly failed: number }
  | { readonly _tag: "Waits" }
  | { readonly _tag: "Loads" }
  | { readonly _tag: "Has"; readonly content: string; readonly loadedBy: string }

/** The state of one process. */
export interface Member {
  readonly loads: number
  readonly reads: number
  readonly failed: number
  readonly state: Exclude<News, { readonly _tag: "Reads" }> | { readonly _tag: "Starts" } | { readonly _tag: "Killed" }
}

export const unborn: Member = { loads: 0, reads: 0, failed: 0, state: { _tag: "Starts" } }

/** News of a process that was killed may arrive late. */
export const receive = (self: Member, news: News): Member => {
  if (self.state._tag === "Killed") return self
  if (news._tag === "Reads") return { ...self, reads: self.reads + news.reads, failed: self.failed + news.failed }
  return { ...self, loads: self.loads + (news._tag === "Loads" ? 1 : 0), state: news }
}

const describe = ({ state }: Member): string => {
  switch (state._tag) {
    case "Starts":
      return "starts"
    case "Waits":
      return "waits"
    case "Loads":
      return "loads"
    case "Killed":
      return "killed"
    case "Has":
      return `has ${state.content}, loaded by ${state.loadedBy}`
  }
}

export type Column = "loads" | "reads" | "failed"

export const table = (members: ReadonlyArray<Member>, columns: ReadonlyArray<Column>): ReadonlyArray<string> => {
  const row = (name: string, cell: (column: Column) => string | number) =>
    name.padStart(7) + columns.map((column) => `${cell(column)}`.padStart(8)).join("")
  return [
    row("process", (column) => column),
    ...members.map((member, i) => `${row(`${i + 1}`, (column) => member[column])}  ${describe(member)}`),
    row("all", (column) => members.reduce((sum, member) => sum + member[column], 0))
  ]
}
