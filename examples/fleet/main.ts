/**
 * Eight processes share a cache in one folder: `npm run example fleet`.
 *
 * Watch "loads": one process loads what all ask for, the others wait for it; what one changes all see; and where the one
 * that loads is killed, another takes its place as soon as its lease has ended.
 */
import { fork } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { lease, loadTime, type Member, type News, type Order, receive, size, table, unborn } from "./fleet.ts"

const directory = mkdtempSync(path.join(tmpdir(), "fleet-"))
process.on("exit", () => rmSync(directory, { recursive: true, force: true }))

const isLive = process.stdout.isTTY
let members: ReadonlyArray<Member> = Array<Member>(size).fill(unborn)
let linesDrawn = 0
let onNews = () => {}

const print = (...lines: ReadonlyArray<string>) => void process.stdout.write(`${lines.join("\n")}\n`)

/** In a terminal over the former one. */
const draw = () => {
  const lines = table(members)
  if (linesDrawn > 0) process.stdout.write(`\u001b[${linesDrawn}A\u001b[J`)
  print(...lines)
  linesDrawn = lines.length
}

const update = (i: number, member: Member) => {
  members = members.with(i, member)
  if (isLive && linesDrawn > 0) draw()
  onNews()
}

const processes = members.map((_, i) => {
  const child = fork(path.join(import.meta.dirname, "member.ts"), [directory, String(i + 1)])
  child.on("message", (news: News) => update(i, receive(members[i]!, news)))
  // who is killed has no code
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

const put = (subject: string, content: string) => writeFileSync(path.join(directory, `${subject}.txt`), content)
const send = (to: number, order: Order) => void processes[to]!.send(order)
const sendAll = (order: Order) => members.forEach((member, i) => isAlive(member) && send(i, order))

const scene = async (title: string, play: () => Promise<unknown>) => {
  members = members.map(({ state }) => ({ loads: 0, state }))
  print("", title, "")
  if (isLive) draw()
  await play()
  if (!isLive) draw()
  linesDrawn = 0
}

await until(all("Waits"))
print(`${size} processes, one folder. A load takes ${loadTime}, a lease ${lease}.`)

await scene("1. All ask for what nobody has.", async () => {
  put("apples", "1 €")
  sendAll({ subject: "apples" })
  await until(allHave("1 €"))
})

await scene("2. Process 8 changes it, and invalidates it.", async () => {
  send(7, { subject: "apples", content: "2 €" })
  await until(allHave("2 €"))
})

await scene("3. All ask for something else, and who loads it is killed.", async () => {
  put("pears", "3 €")
  sendAll({ subject: "pears" })
  await until(() => members.some(({ state }) => state._tag === "Loads"))
  const leader = members.findIndex(({ state }) => state._tag === "Loads")
  processes[leader]!.kill("SIGKILL")
  update(leader, { ...members[leader]!, state: { _tag: "Killed" } })
  await until(allHave("3 €"))
})

for (const child of processes) child.kill()
