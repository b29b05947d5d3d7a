/**
 * Lint rules that oxlint does not have: floors, no wall clock and no dice, no promises made by hand, plain
 * English.
 *
 * Loaded by `.oxlintrc.json` as a JavaScript plugin, so it is plain JavaScript.
 */
import { englishRule } from "./english.js"
import { floorsRule } from "./floors.js"

const isGlobal = (node, name) => node.type === "Identifier" && node.name === name

const isRead = ({ parent }, node) =>
  !(parent?.type === "MemberExpression" && parent.property === node && !parent.computed) &&
  !(parent?.type === "Property" && parent.key === node && !parent.shorthand)

const timers = ["setTimeout", "setInterval", "setImmediate", "requestAnimationFrame"]
const clocks = [["Date", "now"], ["performance", "now"], ...timers.map((name) => ["globalThis", name])]

/** Time is Effect's `Clock`, dice are its `Random`. `new Date(millis)` only formats, and is allowed. */
const noWallClock = {
  create: (context) => {
    const report = (node, message) => context.report({ node, message })
    const call = (node) => {
      if (isGlobal(node.callee, "Date") && (node.type === "CallExpression" || node.arguments.length === 0)) {
        report(node, "Time is Effect's Clock: this reads the wall clock.")
      }
    }
    return {
      CallExpression: call,
      NewExpression: call,
      Identifier: (node) => {
        if (timers.includes(node.name) && isRead(node, node)) report(node, "Time is Effect's Clock.")
      },
      MemberExpression: (node) => {
        const { object, property } = node
        const is = ([of, name]) => isGlobal(object, of) && isGlobal(property, name)
        if (clocks.some(is)) report(node, "Time is Effect's Clock.")
        if (is(["Math", "random"])) report(node, "Dice are Effect's Random.")
      }
    }
  }
}

/** `new Promise(…)`, `Promise.withResolvers()`, `Promise.resolve()` and its kin: the engine has fibers. */
const noPromise = {
  create: (context) => {
    const check = (node) => {
      const { callee } = node
      if (isGlobal(callee, "Promise") || (callee.type === "MemberExpression" && isGlobal(callee.object, "Promise"))) {
        context.report({ node, message: "The engine creates no Promise: use Effect's fibers and Deferred." })
      }
    }
    return { CallExpression: check, NewExpression: check }
  }
}

export default {
  meta: { name: "effect-cached" },
  rules: { english: englishRule, floors: floorsRule, "no-wall-clock": noWallClock, "no-promise": noPromise }
}
