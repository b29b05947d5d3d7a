/** A page for each entry point of the package, out of its declarations and their comments. */
import { codeOf, type Exports, publicExports } from "../../test/docs/api.ts"
import { between, outsideOfFences, type Page, plain, withTables } from "./markdown.ts"
import { read } from "./repository.ts"

/** `Cached.txt` is `effect-cached/Cached`, in `src/Cached.ts`. */
const nameOf = (file: string): string => file.replace(/\.txt$/, "")

const sourceOf = (name: string): string => {
  const found = [`src/${name}.ts`, `src/${name}/index.ts`, `src/drivers/${name}/index.ts`].find((file) => {
    try {
      return read(file) !== ""
    } catch {
      return false
    }
  })
  if (found === undefined) throw new Error(`no source of ${name}`)
  return found
}

interface Comment {
  readonly text: string
  readonly category: string
  readonly see: ReadonlyArray<string>
}

/** The last comment before the code; `@see` and `@category` apart. */
const commentOf = (text: string): Comment => {
  const [, inside = ""] = /^(?:\/\*\*.*?\*\/\s*)*?\/\*\*(.*?)\*\/\s*(?!\s*\/\*\*)/s.exec(text) ?? []
  const lines = inside.split("\n").map((line) => line.replace(/^ *\* ?/, "")).join("\n").trim()
  const [body = "", ...tags] = lines.split(/^@(?=\w)/m)
  const all = tags.map((tag) => /^(\w+)\s*([^]*)$/.exec(tag.trim())!)
  const of = (name: string) =>
    all.filter(([, found]) => found === name).map(([, , value]) => value!.replaceAll("\n", " "))
  return { text: body.trim(), category: of("category")[0] ?? "others", see: of("see") }
}

/** The anchor that a heading gets: that of GitHub, a number behind what occurs again. */
const anchors = () => {
  const seen = new Map<string, number>()
  return (heading: string): string => {
    const slug = heading.toLowerCase().replaceAll(/[^\p{L}\p{N}_ -]/gu, "").replaceAll(" ", "-")
    const times = seen.get(slug) ?? 0
    seen.set(slug, times + 1)
    return times === 0 ? slug : `${slug}-${times}`
  }
}

type Entry = readonly [name: string, code: string, comment: Comment]

const entriesOf = (exported: Exports): ReadonlyArray<Entry> =>
  Array.from(exported).flatMap(([name, declared]): ReadonlyArray<Entry> => {
    if (declared instanceof Map) return []
    const texts = declared.map(([, text]) => text)
    const code = texts.map((text) =>
      text.replace(/^(\s*\/\*\*.*?\*\/\n)+/s, "").replaceAll(/^export (declare )?/gm, "")
    ).join("\n\n")
    return [[name, code, commentOf(texts[0]!)]]
  })

/** A comment whose links lead to the headings of its page. */
const linked = (text: string, anchorOf: (name: string) => string | undefined): string =>
  text.replaceAll(/\{@link ([\w.]+)\}/g, (_, name: string) => {
    const anchor = anchorOf(name)
    return anchor === undefined ? `\`${name}\`` : `[\`${name}\`](#${anchor})`
  })

const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1)

const body = (exported: Exports): string => {
  const anchor = anchors()
  const parts: Array<string> = []
  const section = (names: Exports, title: string | undefined): void => {
    const entries = entriesOf(names)
    if (entries.length === 0) return
    const types = /^(options|models|errors|type|others)/
    const categories = [...new Set(entries.map(([, , { category }]) => category))]
      .toSorted((a, b) => Number(types.test(a)) - Number(types.test(b)))
    const headings: Array<readonly [level: string, text: string, entry: Entry | undefined]> = []
    if (title !== undefined) headings.push(["##", title, undefined])
    for (const category of categories) {
      if (title === undefined) headings.push(["##", capital(category), undefined])
      for (const entry of entries) if (entry[2].category === category) headings.push(["###", entry[0], entry])
    }
    const withAnchors = headings.map((heading) => [...heading, anchor(heading[1])] as const)
    const anchorOf = (name: string) => withAnchors.find(([, text, entry]) => entry !== undefined && text === name)?.[3]
    for (const [level, text, entry] of withAnchors) {
      parts.push(`${level} ${text}`)
      if (entry === undefined) continue
      const [, code, { see, text: comment }] = entry
      const [first = "", ...rest] = outsideOfFences(linked(comment, anchorOf), withTables).split("\n\n")
      const others = see.map((line) => `- ${linked(line, anchorOf)}`)
      parts.push(first, `\`\`\`ts no-run wrap\n${code}\n\`\`\``, ...rest)
      if (others.length > 0) parts.push(`**See also**\n\n${others.join("\n")}`)
    }
  }
  section(exported, undefined)
  for (const [name, declared] of exported) if (declared instanceof Map) section(declared, name)
  return parts.filter((part) => part !== "").join("\n\n")
}

/** The first comment of a file, which says what it is. */
const saying = (source: string): string => commentOf(/^\/\*\*.*?\*\//s.exec(read(source))?.[0] ?? "").text

/** The modules that an entry point names for others: `export * as Cached from "./Cached.ts"`. */
const passedOn = (exported: Exports): ReadonlyArray<string> =>
  Array.from(exported.values()).flatMap((declared) =>
    declared instanceof Map
      ? []
      : declared.flatMap(([, text]) => /^export \* as (\w+) from/.exec(codeOf(text))?.[1] ?? [])
  )

export const modules = (): ReadonlyArray<Page> => {
  const all = publicExports("with comments")
  const names = [...all.keys()].map(nameOf)
  const slugOf = (name: string) => name === "index" ? "modules" : `modules/${name}`
  return Array.from(all, ([file, exported]): Page => {
    const name = nameOf(file)
    const source = sourceOf(name)
    const slug = slugOf(name)
    const others = passedOn(exported).filter((other) => names.includes(other))
    const rows = (some: ReadonlyArray<string>) =>
      some.map((other) =>
        `- [\`${other}\`](${between(slug, slugOf(other))}): ${
          saying(sourceOf(other)).split("\n\n")[0]!.replaceAll("\n", " ")
        }`
      )
        .join("\n")
    if (name === "index") {
      return {
        slug,
        source,
        title: "Modules",
        description: "Every module of the package, with each function, its type and an example.",
        body:
          `The root of the package exports these modules: \`import { Cached } from "effect-cached"\`. Each is also an entry point of its own, \`effect-cached/Cached\`.\n\n${
            rows(others)
          }\n\n## Entry points apart\n\nEach of these is imported by its own name, \`effect-cached/redis\`, and is loaded only by programs that do.\n\n${
            rows(names.filter((other) => other !== "index" && !others.includes(other)))
          }`
      }
    }
    const text = saying(source)
    const importing = /^[A-Z]/.test(name)
      ? `import * as ${name}`
      : `import { ${[...exported.keys()].slice(0, 3).join(", ")} }`
    return {
      slug,
      source,
      title: name.replace(/^serializers\//, ""),
      description: plain(text.split("\n\n")[0] ?? name),
      body: [
        outsideOfFences(linked(text, () => undefined), withTables),
        `\`\`\`ts no-run\n${
          others.length === 0 && names.includes(name) && all.get("index.txt")!.has(name)
            ? `import { ${name} } from "effect-cached"\n`
            : ""
        }${importing} from "effect-cached/${name}"\n\`\`\``,
        body(exported)
      ].join("\n\n")
    }
  })
}
