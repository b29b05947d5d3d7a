/**
 * Eight processes share a cache in one folder: `npm start fleet`. Or on one Redis server, which it starts itself:
 * `npm start fleet -- --redis`.
 *
 * Watch "loads": one process loads for all, and the others wait for it; every process sees a change of one; and if the
 * loading process is killed, another takes its place as soon as its lease has ended. When Redis is stopped and started
 * again, watch "failed" and "loads": meanwhile memory serves, then one process loads for all. There may be one more
 * load when process 8 connects again, because it repeats its last invalidation, which the server may have lost.
 */
import { fork } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import {
  type Column,
  lease,
  loadTime,
  type Member,
  type News,
  type Order,
  type Places,
  receive,
  size,
  table,
  unborn
} from "./fleet.ts"
import { startServer } from "./server.ts"

const directory = mkdtempSync(path.join(tmpdir(), "fleet-"))
process.on("exit", () => rmSync(directory, { recursive: true, force: true }))

const server = process.argv.includes("--redis") ? await startServer() : undefined
const places: Places = server === undefined ? { directory } : { directory, url: server.url }

const isLive = process.stdout.isTTY
let members: ReadonlyArray<Member> = Array<Member>(size).fill(unborn)
let columns: ReadonlyArray<Column> = ["loads"]
/** The state of the server, in its scene. */
let state: string | undefined
let linesDrawn = 0
let onNews = () => {}

const print = (...lines: ReadonlyArray<string>) => void process.stdout.write(`${lines.join("\n")}\n`)

/** In a terminal, replaces the previous table. */
const draw = () => {
  const lines = [...table(members, columns), ...state === undefined ? [] : [`  Redis  ${state}`]]
  if (linesDrawn > 0) process.stdout.write(`\u001b[${linesDrawn}A\u001b[J`)
  print(...lines)
  linesDrawn = lines.length
}

const redraw = () => {
  if (isLive && linesDrawn > 0) draw()
}

const say = (text: string) => {
  state = text
  redraw()
}

const update = (i: number, member: Member) => {
  members = members.with(i, member)
  redraw()
  onNews()
}

const processes = members.map((_, i) => {
  const child = fork(path.join(import.meta.dirname, "member.ts"), [JSON.stringify(places), String(i + 1)])
  child.on("message", (news: News) => update(i, receive(members[i]!, news)))
  // A killed process has no exit code.
  child.on("exit", (code) => code === null || process.exit(code))
  return child
})

const until = (holds: () => boolean): Promise<void> =>
  new Promise((resolve) => {
    onNews = () => holds() && resolve()
    onNews()
  })

const isAlive = ({ state }: Member) => state._tag !== "Killed"
const all = (tag: Member["state"]["_tag"]) => () => members.filter(isAlive).every(({ state }) => state._tag === tag)
const allHave = (content: string) => () =>
  members.filter(isAlive).every(({ state }) => state._tag === "Has" && state.content === content)
/** The same value. A process that could not reach the others may have loaded for itself. */
const allHaveOne = (content: string) => () =>
  allHave(content)() && new Set(members.map(({ state }) => state._tag === "Has" && state.loadedBy)).size === 1

const put = (subject: string, content: string) => writeFileSync(path.join(directory, `${subject}.txt`), content)
const send = (to: number, order: Order) => void processes[to]!.send(order)
const sendAll = (order: Order) => members.forEach((member, i) => isAlive(member) && send(i, order))

const scene = async (title: string, play: () => Promise<unknown>) => {
  members = members.map(({ state }) => ({ ...unborn, state }))
  print("", title, "")
  if (isLive) draw()
  await play()
  if (!isLive) draw()
  linesDrawn = 0
}

await until(all("Waits"))
print(
  `${size} processes, one ${
    server === undefined ? "folder" : "Redis server"
  }. A load takes ${loadTime}, a lease ${lease}.`
)

await scene("1. All ask for what no process has.", async () => {
  put("apples", "1 €")
  sendAll({ subject: "apples" })
  await until(allHave("1 €"))
})

await scene("2. Process 8 changes it, and invalidates it.", async () => {
  send(7, { subject: "apples", content: "2 €" })
  await until(allHave("2 €"))
})

/** The processes get no message and continue to read. */
const stopAndStart = async ({ start, stop }: NonNullable<typeof server>) => {
  await sleep(1000)
  await stop()
  say("is stopped")
  await sleep(2000)
  await start()
  say("is started again, empty")
  // Reads are reported in intervals.
  await sleep(2000)
  await until(allHaveOne("2 €"))
}

if (server !== undefined) {
  columns = ["loads", "reads", "failed"]
  state = "runs"
  await scene("3. Redis is stopped and started again, while all read.", () => stopAndStart(server))
  columns = ["loads"]
  state = undefined
  await scene("4. Process 8 changes it again.", async () => {
    send(7, { subject: "apples", content: "3 €" })
    await until(allHave("3 €"))
  })
} else {
  await scene("3. All ask for something else, and the process that loads it is killed.", async () => {
    put("pears", "3 €")
    sendAll({ subject: "pears" })
    await until(() => members.some(({ state }) => state._tag === "Loads"))
    const leader = members.findIndex(({ state }) => state._tag === "Loads")
    processes[leader]!.kill("SIGKILL")
    update(leader, { ...members[leader]!, state: { _tag: "Killed" } })
    await until(allHave("3 €"))
  })
}

for (const child of processes) child.kill()
await server?.stop()
