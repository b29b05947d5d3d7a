/**
 * Lint rules that oxlint does not have: wall clock and hand-made promises.
 *
 * Loaded by `.oxlintrc.json` as a JavaScript plugin, so it is plain JavaScript.
 */

/** Reports each call or construction for which `message` gives one. */
const onCall = (message) => ({
  create: (context) => {
    const check = (node) => {
      const text = message(node)
      if (text !== undefined) context.report({ node, message: text })
    }
    return { CallExpression: check, NewExpression: check }
  }
})

const isGlobal = (node, name) => node.type === "Identifier" && node.name === name

/** `new Date()`, `Date()`: reading the wall clock. `new Date(millis)` only formats, and is allowed. */
const noWallClock = onCall((node) =>
  isGlobal(node.callee, "Date") && (node.type === "CallExpression" || node.arguments.length === 0)
    ? "Time is Effect's Clock: this reads the wall clock."
    : undefined
)

/** `new Promise(…)`, `Promise.withResolvers()`, `Promise.resolve()` and its kin: the engine has fibers. */
const noPromise = onCall((node) =>
  isGlobal(node.callee, "Promise") ||
    (node.callee.type === "MemberExpression" && isGlobal(node.callee.object, "Promise"))
    ? "The engine creates no Promise: use Effect's fibers and Deferred."
    : undefined
)

export default {
  meta: { name: "effect-cached" },
  rules: { "no-wall-clock": noWallClock, "no-promise": noPromise }
}
