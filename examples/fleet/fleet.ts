/** What the processes of the fleet tell each other, and how they are shown. */

export const size = 8
export const lease = "2 seconds"
export const loadTime = "800 millis"

/** Read this from now on, after changing it where there is a content. */
export interface Order {
  readonly subject: string
  readonly content?: string
}

export type News =
  | { readonly _tag: "Waits" }
  | { readonly _tag: "Loads" }
  | { readonly _tag: "Has"; readonly content: string; readonly loadedBy: string }

/** What is known of one process. */
export interface Member {
  readonly loads: number
  readonly state: News | { readonly _tag: "Starts" } | { readonly _tag: "Killed" }
}

export const unborn: Member = { loads: 0, state: { _tag: "Starts" } }

/** News of a process that was killed may arrive late. */
export const receive = (self: Member, news: News): Member =>
  self.state._tag === "Killed" ? self : { loads: self.loads + (news._tag === "Loads" ? 1 : 0), state: news }

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

export const table = (members: ReadonlyArray<Member>): ReadonlyArray<string> => [
  "process  loads",
  ...members.map((member, i) => `${i + 1}`.padStart(7) + `${member.loads}`.padStart(7) + `  ${describe(member)}`),
  "    all" + `${members.reduce((sum, { loads }) => sum + loads, 0)}`.padStart(7)
]
