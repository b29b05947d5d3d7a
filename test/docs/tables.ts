/**
 * The tables of the documentation that say what a list of the sources says: options, counters, events, policies,
 * metrics.
 *
 * A table stands between two comments in a page, and the first of them names the list:
 *
 *     <!-- options src/cached/warm.ts WarmOptions -->
 *     <!-- end -->
 *
 * It may name several, one after the other, and single members: `src/ports/strategy.ts TtlOptions.ttl`. Each row is
 * made from the comment of one member. A table of `variables` has a row for each option that a URL or a variable can
 * set. `npm run generate` fills all tables; `tables.test.ts` says when one is not what its list gives. It writes
 * `llms.txt`, `docs/messages.md` and `monitoring/` too.
 */
import { globSync, readFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { parseSync } from "rolldown/utils"
import { type Reading, variableOf } from "../../src/config/readings.ts"
import { schemes } from "../../src/config/schemes.ts"
import { type Definition, ofCache, ofClass, ofStore } from "../../src/metrics/list.ts"
import { messagesPage } from "./messages.ts"
import { monitoring } from "./monitoring.ts"

const root = resolve(import.meta.dirname, "../..")
const read = (file: string): string => readFileSync(join(root, file), "utf8")

interface Node {
  readonly type: string
  readonly start: number
  readonly [field: string]: unknown
}

/** One member of a list: an option, a counter, an event, a policy. */
export interface Member {
  readonly name: string
  readonly isOptional: boolean
  /** Its comment, in one line. */
  readonly text: string
  /** The text behind `@default` in its comment. */
  readonly otherwise: string | undefined
  readonly node: Node
}

const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null && "type" in value

const nodesIn = (node: Node): ReadonlyArray<Node> => [
  node,
  ...Object.values(node).flat().filter(isNode).flatMap(nodesIn)
]

const nameOf = (node: unknown): string | undefined =>
  isNode(node) ? (node["name"] ?? node["value"]) as string | undefined : undefined

const parsed = new Map<string, ReturnType<typeof parseSync>>()

const parse = (file: string) => {
  const result = parsed.get(file) ?? parseSync(file, read(file))
  parsed.set(file, result)
  return result
}

/** The parts of a comment: its first paragraph, or the whole of it up to its first tag, and its default. */
const said = (comment: string): Pick<Member, "text" | "otherwise"> => {
  const lines = comment.split("\n").map((line) => line.replace(/^\s*\*? ?/, ""))
  const [text = "", ...tags] = lines.join("\n").split(/\s(?=@[a-z])/)
  const line = (paragraph: string) => paragraph.trim().replaceAll(/\s+/g, " ").replaceAll("|", "\\|")
  const otherwise = tags.find((tag) => tag.startsWith("@default "))?.slice("@default ".length)
  return { text: line(text.split("\n\n")[0]!), otherwise: otherwise && line(otherwise) }
}

/**
 * The members of an interface, of the object literals in a type, of an object, or the exported constants of a category.
 */
const nodesOf = (program: Node, name: string): ReadonlyArray<readonly [name: unknown, node: Node]> => {
  const declared = nodesIn(program).find(({ id, type }) =>
    ["TSInterfaceDeclaration", "TSTypeAliasDeclaration", "VariableDeclarator"].includes(type) && nameOf(id) === name
  )
  if (declared === undefined) return []
  if (declared.type === "VariableDeclarator") {
    return ((declared["init"] as Node)["properties"] as ReadonlyArray<Node>).map((node) => [node["key"], node])
  }
  return nodesIn(declared)
    .filter(({ type }) => type === "TSInterfaceBody" || (type === "TSTypeLiteral" && declared.type.includes("Alias")))
    .flatMap((body) => (body["body"] ?? body["members"]) as ReadonlyArray<Node>)
    .map((node) => [node["key"], node])
}

const policiesOf = (program: Node): ReadonlyArray<readonly [name: unknown, node: Node]> =>
  (program["body"] as ReadonlyArray<Node>).flatMap((node) => {
    const declarations = (node["declaration"] as Node | null | undefined)?.["declarations"] as
      | ReadonlyArray<Node>
      | undefined
    return declarations === undefined ? [] : [[declarations[0]!["id"], node]]
  })

/** The comment in front of something; a line comment, for readers of the source, may stand between the two. */
const commentBefore = (file: string, { start }: Node): string | undefined => {
  const text = read(file)
  return parse(file).comments.findLast(({ end, type, value }) =>
    type === "Block" && value.startsWith("*") && end <= start && /^(\s|\/\/.*)*$/.test(text.slice(end, start))
  )?.value.slice(1)
}

/** The lists of options of a file, exported or not. */
export const optionListsOf = (file: string): ReadonlyArray<readonly [file: string, name: string]> => {
  const program = parse(file).program as unknown as Node
  return (program["body"] as ReadonlyArray<Node>)
    .filter((node) => commentBefore(file, node)?.includes("@category options") === true)
    .map((node) => isNode(node["declaration"]) ? node["declaration"] : node)
    .map((node) => isNode(node["id"]) ? nameOf(node["id"]) : undefined)
    // A list that takes all its members from others has none of its own.
    .flatMap((name) => name !== undefined && nodesOf(program, name).length > 0 ? [[file, name]] : [])
}

/** The members of one list, in their order; of `Name.member` that one. */
export const membersOf = (file: string, list: string): ReadonlyArray<Member> => {
  const { errors, program } = parse(file)
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]!.message}`)
  const [name, only] = list.split(".") as [string, string | undefined]
  const nodes = name === "*" ? policiesOf(program as unknown as Node) : nodesOf(program as unknown as Node, name)
  if (nodes.length === 0) throw new Error(`${file} has no list "${name}" with members of its own`)
  const chosen = only === undefined ? nodes : nodes.filter(([key]) => nameOf(key) === only)
  if (chosen.length === 0) throw new Error(`${name} of ${file} has no member "${only}"`)
  return chosen.map(([key, node]) => {
    const before = commentBefore(file, node)
    const member = nameOf(key)
    if (member === undefined || before === undefined) {
      throw new Error(`${file}: ${member ?? "a member"} of ${name} has no comment`)
    }
    return { name: member, isOptional: node["optional"] === true, ...said(before), node }
  })
}

/** The file that a name is imported from, if it is one of the sources. */
const sourceOf = (file: string, name: string): string | undefined => {
  const imports = nodesIn(parse(file).program as unknown as Node).filter(({ type }) => type === "ImportDeclaration")
  const found = imports.find((node) =>
    (node["specifiers"] as ReadonlyArray<Node>).some(({ local }) => nameOf(local) === name)
  )
  const source = nameOf(found?.["source"])
  return source?.startsWith(".") === true ? join(dirname(file), source) : undefined
}

const stringsOf = (file: string, type: Node): ReadonlyArray<string> => {
  if (type.type === "TSUnionType") return (type["types"] as ReadonlyArray<Node>).flatMap((one) => stringsOf(file, one))
  if (type.type === "TSLiteralType") {
    const value = (type["literal"] as Node)["value"]
    return typeof value === "string" ? [value] : []
  }
  if (type.type !== "TSTypeReference") return []
  const named = type["typeName"] as Node
  return stringsOfName(file, (nameOf(named["left"]) ?? nameOf(named))!, nameOf(named["right"]))
}

/** The strings of an alias or of the constraint of a type parameter, in this file or where it is imported from. */
const stringsOfName = (file: string, name: string, member?: string): ReadonlyArray<string> => {
  const declared = nodesIn(parse(file).program as unknown as Node)
  const alias = declared.find(({ id, type }) => type === "TSTypeAliasDeclaration" && nameOf(id) === name)
  const parameter = declared.find((node) => node.type === "TSTypeParameter" && nameOf(node["name"]) === name)
  const definition = alias?.["typeAnnotation"] ?? parameter?.["constraint"]
  if (isNode(definition)) return stringsOf(file, definition)
  const source = sourceOf(file, name)
  return source === undefined ? [] : stringsOfName(source, member ?? name)
}

/** The strings that the type of an option names, those of its aliases too. */
export const valuesOf = (file: string, { node }: Member): ReadonlyArray<string> => {
  const annotation = node["typeAnnotation"] as Node | undefined
  return isNode(annotation) ? stringsOf(file, annotation["typeAnnotation"] as Node) : []
}

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map(() => "---"), ...rows]
    .map((cells) => `| ${cells.join(" | ")} |`.replaceAll("| --- ", "|---").replace("--- |", "---|"))
    .join("\n")

/** The fields of an event besides its id. */
const fieldsOf = ({ node }: Member): ReadonlyArray<string> =>
  nodesIn(node).filter(({ type }) => type === "TSPropertySignature").slice(1).map(({ key }) => `\`${nameOf(key)}\``)

const kinds: { readonly [kind: string]: (members: ReadonlyArray<Member>) => string } = {
  options: (members) =>
    table(
      ["option", "meaning", "default"],
      members.map(({ isOptional, name, otherwise, text }) => [
        `\`${name}\``,
        text,
        otherwise ?? (isOptional ? "none" : "required")
      ])
    ),
  // Only one of several conditions is given, so none of them is required.
  conditions: (members) => table(["condition", "meaning"], members.map(({ name, text }) => [`\`${name}\``, text])),
  counters: (members) => table(["number", "counts"], members.map(({ name, text }) => [`\`${name}\``, text])),
  events: (members) =>
    table(
      ["event", "and with it", "happens when"],
      members.map((member) => [`\`${member.name}\``, fieldsOf(member).join(", "), member.text])
    ),
  policies: (members) =>
    table(["`CachePolicy`", "what it does"], members.map(({ name, text }) => [`\`${name}\``, text]))
}

const metricLists: { readonly [list: string]: { readonly [name: string]: Definition } } = { ofCache, ofClass, ofStore }

/** The metrics of one list, which has its texts as values because exporters show them. */
const metricsOf = (list: string): string =>
  table(
    ["metric", "labels", "meaning"],
    Object.values(metricLists[list]!).map(({ help, labels, name }) => [
      `\`${name}\``,
      labels.map((label) => `\`${label}\``).join(", "),
      help
    ])
  )

const region = /^<!-- (\w+) (src\/.+) -->\n[^]*?^<!-- end -->$/gm

const split = (lists: string): ReadonlyArray<readonly [file: string, name: string]> =>
  lists.split(", ").map((list) => list.split(" ") as [string, string])

/** The options that a URL or a variable can set: how each is written, and in which caches it has an effect. */
const variablesTable = (): string => {
  const rows = new Map<string, { readonly reading: Reading; readonly caches: Set<string> }>()
  for (const [scheme, { options }] of Object.entries(schemes)) {
    for (const [option, reading] of options) {
      if (reading === "code") continue
      const row = rows.get(option) ?? { reading, caches: new Set() }
      rows.set(option, row)
      row.caches.add(scheme.replace("rediss", "redis").replace("postgresql", "postgres"))
    }
  }
  const cachesOf = (caches: string): string =>
    caches === "memory, disk, files, s3, postgres, redis, redis+cluster, redis+sentinel"
      ? "all"
      : caches.replace("redis, redis+cluster, redis+sentinel", "redis…")
  return table(
    ["option", "end of the variable", "value", "for"],
    Array.from(rows, ([option, { caches, reading: { example, form, isSecret } }]) => [
      `\`${option}\``,
      `\`${variableOf(option)}\``,
      isSecret ? "a secret, never in the URL" : form.includes("`") ? form : `${form}, like \`${example}\``,
      cachesOf([...caches].join(", "))
    ])
  )
}

/** Names of pages for maintainers, which are not in the package, with or without a link. */
const outside = /\[?`(ARCHITECTURE\.md|docs\/maintaining\/[\w-]+\.md)`(?:\]\([^)]+\))?(?= of the repository)/g

/**
 * A page with all its tables as the lists give them, and with links into the repository, if `package.json` names it.
 */
export const fill = (
  page: string,
  { repository }: { readonly repository?: { readonly url: string } } = JSON.parse(read("package.json"))
): string => {
  const url = repository?.url.replaceAll(/^git\+|\.git$/g, "")
  const linked = page.replaceAll(outside, (_, file) => url ? `[\`${file}\`](${url}/blob/main/${file})` : `\`${file}\``)
  return linked.replaceAll(region, (_, kind: string, lists: string) => {
    if (kind === "variables") return `<!-- ${kind} ${lists} -->\n\n${variablesTable()}\n\n<!-- end -->`
    if (kind === "metrics") return `<!-- metrics ${lists} -->\n\n${metricsOf(split(lists)[0]![1])}\n\n<!-- end -->`
    const tableOf = kinds[kind]
    if (tableOf === undefined) throw new Error(`There is no kind of table "${kind}": ${Object.keys(kinds).join(", ")}`)
    return `<!-- ${kind} ${lists} -->\n\n${
      tableOf(split(lists).flatMap(([file, name]) => membersOf(file, name)))
    }\n\n<!-- end -->`
  })
}

/** The lists whose comments make tables of a page. */
export const listsOf = (page: string): ReadonlyArray<readonly [file: string, name: string]> =>
  Array.from(page.matchAll(region)).flatMap(([, kind, lists]) =>
    kind === "variables" || kind === "metrics" ? [] : split(lists!)
  )

export const pages = globSync(["README.md", "docs/**/*.md"], { cwd: root }).toSorted()

/**
 * `llms.txt` of the package, for programs that read documentation: the beginning of README.md, and the lists of the
 * map.
 */
export const llms = (): string => {
  const [title, what] = read("README.md").split("\n\n")
  const links = read("docs/README.md").replace(/[^]*^## By concept$/m, "").split("\n")
    .filter((line) => /^- [[`]/.test(line))
    .map((line) => line.replaceAll(/\]\((?!\.\.\/)/g, "](docs/").replaceAll("](../", "]("))
  return [
    title,
    what!.split("\n").map((line) => `> ${line}`).join("\n"),
    "What an Effect program imports: `import { Cached, CacheKey, CacheLayer, Guard } from \"effect-cached\"`, with `effect` 4.",
    "All paths here are relative to this file. The declarations in `dist/` have an example on every export.",
    "## Docs",
    [
      "- [README.md](README.md): the first programs, in memory and shared by processes",
      "- [AGENTS.md](AGENTS.md): how to choose a strategy and a layer, and the ten mistakes",
      "- [docs/README.md](docs/README.md): the map: every page by task and by concept",
      "- [docs/getting-started.md](docs/getting-started.md): from an empty folder to a cached, tested program",
      ...links
    ].join("\n")
  ].join("\n\n") + "\n"
}

/** All pages with their tables, and what else is made from the lists. */
export const tableFiles = (textOf: (file: string) => string): ReadonlyMap<string, string> =>
  new Map([
    ...pages.map((page) => [page, fill(textOf(page))] as const),
    ["docs/messages.md", messagesPage()],
    ["llms.txt", llms()],
    ...monitoring
  ])
