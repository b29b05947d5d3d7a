/**
 * `docs/messages.md`: the texts of errors and log lines, collected from the sources. `npm run generate` writes the
 * page; `tables.test.ts` says when it is not what the sources give.
 */
import { globSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { parseSync } from "rolldown/utils"

const root = resolve(import.meta.dirname, "../..")

interface Node {
  readonly type: string
  readonly start: number
  readonly [field: string]: unknown
}

/** A text as it stands in the sources, with `…` for what varies. */
interface Found {
  readonly text: string
  readonly kind: "error" | "log" | "mistake" | "part"
  /** The class of an error, the level of a line, or the file. */
  readonly of: string
}

const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null && "type" in value

const childrenOf = (node: Node): ReadonlyArray<Node> => Object.values(node).flat().filter(isNode)

/** A string, a template, or a sum of them. */
const textOf = (node: Node): string | undefined => {
  if (node.type === "Literal") return typeof node["value"] === "string" ? node["value"] : undefined
  if (node.type === "TemplateLiteral") {
    return (node["quasis"] as ReadonlyArray<Node>).map(({ value }) => (value as { cooked: string }).cooked).join("…")
  }
  if (node.type !== "BinaryExpression" || node["operator"] !== "+") return undefined
  const [left, right] = [textOf(node["left"] as Node), textOf(node["right"] as Node)]
  return left === undefined && right === undefined ? undefined : `${left ?? "…"}${right ?? "…"}`
}

/** The placeholders of a text. */
const holesOf = (node: Node): ReadonlyArray<Node> => {
  if (node.type === "TemplateLiteral") return node["expressions"] as ReadonlyArray<Node>
  if (node.type !== "BinaryExpression" || textOf(node) === undefined) return textOf(node) === undefined ? [node] : []
  return [...holesOf(node["left"] as Node), ...holesOf(node["right"] as Node)]
}

/** Calls whose texts are lines of the log, and their level. */
const levels: Readonly<Record<string, string>> = {
  warning: "warning",
  warnOnce: "warning",
  logWarning: "warning",
  info: "info",
  logInfo: "info",
  debug: "debug",
  logDebug: "debug"
}

const mistakes = new Set(["mistake", "CacheConfigError", "refuse", "refuseUnless", "fail", "wrong"])

const calleeOf = (node: Node): string | undefined => {
  if (node.type !== "CallExpression" && node.type !== "NewExpression") return undefined
  const callee = node["callee"] as Node
  const name = (callee.type === "MemberExpression" ? callee["property"] : callee) as Node
  // `caching.perform(Operations.warnOnce, …)`
  const [first] = node["arguments"] as ReadonlyArray<Node>
  return name["name"] === "perform" && first?.type === "MemberExpression"
    ? (first["property"] as Node)["name"] as string
    : name["name"] as string | undefined
}

/** Sources of other texts: statements of databases, laws, charts, files, schemas in JSON, metrics, fields. */
const others =
  /^src\/(testing|metrics\/list|http\/(rules\/anonymous|server\/shown)|drivers\/(redis\/protocol\/scripts|postgres\/schema|sqlite\/(tables|file\/(schema|vacuum|freeDisk)))|drivers\/files\/folder)/

/** The file whose texts are phrases of few words. */
const phrases = "src/internal/text/failures.ts"

/** Names, kinds of values and statements are no messages. */
const isMessage = (file: string, text: string): boolean =>
  text.trim().split(/\s+/).length >= (file === phrases ? 2 : 4) &&
  !/\b(SELECT|INSERT|DELETE|UPDATE|PRAGMA|CREATE TABLE|coalesce)\b/.test(text)

const collect = (file: string): ReadonlyArray<Found> => {
  const found: Array<Found> = []
  const visit = (node: Node, kind: Found["kind"], of: string): void => {
    if (node.type === "ImportDeclaration" || node.type.startsWith("TS")) return
    const text = textOf(node)
    if (text !== undefined) {
      if (isMessage(file, text)) found.push({ kind, of, text })
      for (const hole of holesOf(node)) visit(hole, kind === "mistake" ? kind : "part", file)
      return
    }
    const callee = calleeOf(node)
    const id = node.type === "ClassDeclaration" ? (node["id"] as Node)["name"] as string : undefined
    if (id !== undefined && file === "src/CacheError.ts") [kind, of] = ["error", id]
    else if (callee !== undefined && Object.hasOwn(levels, callee)) [kind, of] = ["log", levels[callee]!]
    else if (callee !== undefined && mistakes.has(callee)) [kind, of] = ["mistake", file]
    for (const child of childrenOf(node)) visit(child, kind, of)
  }
  const { errors, program } = parseSync(file, readFileSync(join(root, file), "utf8"))
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]!.message}`)
  visit(program as unknown as Node, "part", file)
  return found
}

/** All texts, each once. */
export const messages = (): ReadonlyArray<Found> => {
  const seen = new Set<string>()
  return globSync("src/**/*.ts", { cwd: root }).toSorted().filter((file) => !others.test(file)).flatMap(collect)
    .filter(({ of, text }) => {
      const key = `${of} ${text}`
      return !seen.has(key) && seen.add(key)
    })
}

const code = (text: string): string => {
  const line = text.replaceAll(/\s+/g, " ").replaceAll(/…+/g, "…").trim().replaceAll("|", "\\|")
  return line.includes("`") ? `\`\` ${line} \`\`` : `\`${line}\``
}

const table = (head: readonly [string, string], rows: ReadonlyArray<readonly [string, string]>): string =>
  [`| ${head.join(" | ")} |`, "|---|---|", ...rows.map((cells) => `| ${cells.join(" | ")} |`)].join("\n")

/** The page. */
export const messagesPage = (): string => {
  const all = messages()
  const rows = (kind: Found["kind"], show: (of: string) => string) =>
    all.filter((one) => one.kind === kind).map(({ of, text }) => [show(of), code(text)] as const)
  // One row for each file: a page has at most 500 lines.
  const byFile = (kind: Found["kind"]) => {
    const files = new Map<string, ReadonlyArray<string>>()
    for (const one of all) {
      if (one.kind === kind) files.set(one.of, [...files.get(one.of) ?? [], code(one.text)])
    }
    return Array.from(files)
      .map(([file, texts]) => [`\`${file.slice("src/".length)}\``, texts.join("<br>")] as const)
  }
  return [
    "# Messages",
    "This page lists the texts of all errors and log lines, so that a search finds them. `…` stands for what varies. A " +
    "message says what happened, to what, what that means, and what to do. [Troubleshooting](troubleshooting.md) explains " +
    "the frequent ones. `npm run generate` writes this page from the sources.",
    "## Errors",
    "The getters of `CacheError`. A `StoreError` is made of the operation and the reason, and names " +
    "its cause; the phrases of both are [below](#parts).",
    table(["error", "message"], rows("error", (name) => `\`${name}\``)),
    "## Log lines",
    table(["level", "message"], rows("log", (level) => level)),
    "## Mistakes",
    "A `CacheConfigError`, thrown by the call, or the defect of the effect. Most messages begin with the name of the call.",
    table(["source", "message"], byFile("mistake")),
    "## Parts",
    "Reasons, causes and endings of the messages above.",
    table(["source", "text"], byFile("part"))
  ].join("\n\n") + "\n"
}
