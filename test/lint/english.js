/**
 * Wording that a native engineer of the field would not choose, each with a better one. One list for the comments of
 * all sources and for the pages: `plugin.js` checks the first, `test/docs/english.test.ts` the second.
 *
 * Loaded by the lint plugin, so it is plain JavaScript.
 */

/** The first word of a comment. */
const openings = [
  [/^(What|Whatever)\b(?!.*\?)/, "begin with the noun: \"The value that …\", not \"What …\""],
  [/^(Who|Whoever)\b/, "begin with the caller, reader or process: \"A caller that …\", not \"Who …\""],
  [/^Nobody\b/, "begin with the noun: \"No caller …\", \"Nothing …\""],
  [/^Of\b(?! course)/, "begin with the noun: \"The age of …\", not \"Of …\""],
  [/^Where (?!to\b)/, "begin with the noun, or with \"If\": \"The place of …\", not \"Where …\""]
]

const people =
  "(?:authors?|consumers|customers?|developers?|employees|engineers?|maintainers?|people|person|programmers?|someone|anyone|those|users?)"

/** Anywhere in a comment or a page. */
const phrases = [
  [/\bnobody\b/i, "\"no caller\", \"no process\", \"nothing\""],
  [
    new RegExp(`(?<!\\b${people} |\\(|["“])\\bwho\\b(?! (?:am|are) )`, "i"),
    "\"the caller that\", \"the process that\""
  ],
  [/\b(?:is|are|was|were|be|been|being|gets?|got) told\b/i, "\"receives\", \"is notified of\""],
  [/\btells? of\b/i, "\"reports\", \"describes\""],
  [/\b(?:goes|go|went|gone|going) on\b/i, "\"continues\""],
  [/\banew\b/i, "\"again\""],
  [/\bheard\b/i, "\"received\""],
  [/\bmend(?:s|ed|ing)?\b/i, "\"fix\", \"repair\""],
  [/\bno (?:safe|valid|whole) (?:integer|number|name|key|duration)/i, "\"not a safe integer\""],
  [/\b(?:is|are|was|were) said to\b/i, "\"is declared\", \"claims to\""],
  [/\bany more\b|\bno more(?:[.,;:)]|$)/i, "\"no longer\""]
]

/** Code and quotations are not English of ours. */
const withoutCode = (text) =>
  text.replace(/```[\s\S]*?```/g, " ").replace(/`[^`\n]*`/g, "`…`").replace(/"[^"\n]*"/g, "\"…\"")

const complaint = (text, [pattern, better]) => {
  const found = pattern.exec(text)
  return found === null ? [] : [`"${found[0]}": better ${better}`]
}

/** The complaints about the English of a text: about the whole, and, for a comment, about its beginning. */
export const complaintsOf = (text, { isComment }) => {
  const own = withoutCode(text).trim()
  return [
    ...isComment ? openings.flatMap((rule) => complaint(own, rule)) : [],
    ...phrases.flatMap((rule) => complaint(own, rule))
  ]
}

const columns = 120

/** Comments that follow each other line by line are one text. */
const textsOf = (comments) => {
  const texts = []
  for (const { loc, type, value } of comments) {
    const last = texts.at(-1)
    if (
      type === "Line" && last?.type === "Line" && last.end === loc.start.line - 1 && last.column === loc.start.column
    ) {
      last.text += `\n${value}`
      last.end = loc.end.line
    } else texts.push({ type, loc, end: loc.end.line, column: loc.start.column, text: value.replace(/^\s*\* ?/gm, "") })
  }
  return texts
}

const isDirective = (text) => /^\s*(?:@|oxlint|eslint|dprint|#|-{3,}|=)/.test(text)

/** Messages, log lines and names of tests are texts of several words. Code in a string has brackets or line breaks. */
const isText = (text) => typeof text === "string" && /[a-z] [a-z]/i.test(text) && !/[{}\n;]|=>/.test(text)

/** Comments are sentences in plain English, within 120 columns; texts in strings are plain English too. */
export const englishRule = {
  create: (context) => ({
    Literal: (node) => {
      if (!isText(node.value)) return
      for (const message of complaintsOf(node.value, { isComment: false })) context.report({ node, message })
    },
    TemplateElement: (node) => {
      const text = node.value.cooked
      if (!isText(text)) return
      for (const message of complaintsOf(text, { isComment: false })) context.report({ node, message })
    },
    Program: () => {
      const { sourceCode } = context
      const { lines } = sourceCode
      for (const { column, end, loc, text } of textsOf(sourceCode.getAllComments())) {
        if (isDirective(text)) continue
        const report = (message) => context.report({ loc, message })
        complaintsOf(text, { isComment: true }).forEach(report)
        const isAlone = lines[loc.start.line - 1].slice(0, column).trim() === ""
        if (isAlone && /^\s*[a-z]+(?:[ ,]|$)/.test(text)) report("a comment is a sentence: it begins with a capital")
        let isCode = false
        for (let line = loc.start.line; line <= end; line++) {
          if (lines[line - 1].includes("```")) isCode = !isCode
          if (!isCode && lines[line - 1].length > columns) report(`line ${line} is longer than ${columns} columns`)
        }
      }
    }
  })
}
