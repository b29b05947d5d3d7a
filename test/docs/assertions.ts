/**
 * Makes the comments `// => …` of a block into assertions.
 *
 * - `expression // => value`: the expression's value;
 * - `console.log(a, b) // => text`, also `yield* Console.log(…)`: what is logged;
 * - `const name = expression // => value`: the value of `name`.
 *
 * What follows the arrow is either an expression that gives an equal value, or exactly what `console.log` prints on one
 * line. A comment that belongs to no such statement is a mistake, and so is one that the run never reaches.
 */
import { parseSync } from "rolldown/utils"

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [field: string]: unknown
}

interface Insertion {
  readonly at: number
  readonly text: string
}

const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null && "type" in value

/** The statement that the comment stands behind: the outermost one that ends there. */
const statementBefore = (node: Node, code: string, comment: number): Node | undefined => {
  if (
    (node.type === "ExpressionStatement" || node.type === "VariableDeclaration") && node.end <= comment &&
    code.slice(node.end, comment).trim() === "" && !code.slice(node.end, comment).includes("\n")
  ) return node
  for (const child of Object.values(node).flat()) {
    const found = isNode(child) ? statementBefore(child, code, comment) : undefined
    if (found !== undefined) return found
  }
  return undefined
}

/** The call of `console.log` or `Console.log` in an expression, also behind `yield*` and `await`. */
const logCall = (expression: Node): Node | undefined => {
  if (expression.type === "YieldExpression" || expression.type === "AwaitExpression") {
    return isNode(expression["argument"]) ? logCall(expression["argument"]) : undefined
  }
  const callee = expression["callee"]
  if (expression.type !== "CallExpression" || !isNode(callee) || callee.type !== "MemberExpression") return undefined
  const { object, property } = callee as unknown as { object: { name?: string }; property: { name?: string } }
  return /^[cC]onsole$/.test(object.name ?? "") && property.name === "log" ? expression : undefined
}

const expected = (text: string): string => {
  const { errors, program } = parseSync("expected.js", `(${text})`)
  return errors.length === 0 && program.body.length === 1 ? `() => [(${text})]` : "undefined"
}

const around = (start: number, end: number, before: string, after: string): ReadonlyArray<Insertion> => [
  { at: start, text: before },
  { at: end, text: after }
]

const insertions = (statement: Node, check: string): ReadonlyArray<Insertion> | undefined => {
  if (statement.type === "VariableDeclaration") {
    const [declarator, ...others] = statement["declarations"] as ReadonlyArray<{ readonly id: Node }>
    if (declarator?.id.type !== "Identifier" || others.length > 0) return undefined
    return [{ at: statement.end, text: `; __is([${declarator.id["name"]}], ${check})` }]
  }
  const expression = statement["expression"] as Node
  const call = logCall(expression)
  if (call === undefined) return around(expression.start, expression.end, "__is([", `], ${check})`)
  const args = call["arguments"] as ReadonlyArray<Node>
  return args.length === 0 ? undefined : around(args[0]!.start, args.at(-1)!.end, "...__is([", `], ${check})`)
}

/** The block with its assertions, each on its own line still; `runtime.ts` gives it `__is` and `__places`. */
export const withAssertions = (file: string, code: string): string => {
  const { comments, errors, program } = parseSync("block.ts", code)
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]!.message}`)
  const places: Array<string> = []
  const edits: Array<Insertion> = []
  for (const comment of comments) {
    const text = comment.type === "Line" ? /^ => (.+)$/.exec(comment.value)?.[1]?.trim() : undefined
    if (text === undefined) continue
    const place = `${file}:${code.slice(0, comment.start).split("\n").length}`
    const statement = statementBefore(program as unknown as Node, code, comment.start)
    const edit = statement &&
      insertions(statement, `${expected(text)}, ${JSON.stringify(text)}, ${JSON.stringify(place)}`)
    if (edit === undefined) throw new Error(`${place}: this "// =>" belongs to no expression, log or constant`)
    places.push(place)
    edits.push(...edit)
  }
  const asserted = edits.toSorted((a, b) => b.at - a.at)
    .reduce((text, { at, text: insertion }) => text.slice(0, at) + insertion + text.slice(at), code)
  return `__places(${JSON.stringify(places)});${asserted}`
}
