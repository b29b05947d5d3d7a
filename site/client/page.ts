/**
 * Each page loads this: it offers to turn pictures and to run programs. The library, and all else that does so, is
 * loaded on the first touch.
 */

/** Calls `act` on the first touch of a button below the element. */
const offer = (below: Element, text: string, act: (button: HTMLButtonElement) => Promise<void>): void => {
  const button = document.createElement("button")
  button.type = "button"
  button.className = "offer"
  button.textContent = text
  const start = async (): Promise<void> => {
    button.disabled = true
    try {
      await act(button)
    } catch {
      button.disabled = false
      button.textContent = "This could not be loaded. Try again"
    }
  }
  button.addEventListener("click", () => void start())
  below.after(button)
}

// The keys are drawn beside the name of the button, and are no part of it: `aria-keyshortcuts` has them.
const keys = document.querySelector<HTMLElement>("[data-open-modal] > kbd")
if (keys !== null) {
  keys.parentElement!.dataset["keys"] = Array.from(keys.children, ({ textContent }) => textContent).join(" ")
  keys.remove()
}

// A built page has the text of a block once, in the block.
for (const copy of document.querySelectorAll<HTMLElement>(".expressive-code .copy button:not([data-code])")) {
  const lines = copy.closest(".expressive-code")!.querySelectorAll(".ec-line .code")
  copy.dataset["code"] = Array.from(lines, ({ textContent }) => textContent.replace(/\n$/, "")).join("\u007f")
}

for (const figure of document.querySelectorAll<HTMLElement>("[data-turn]")) {
  offer(figure, "Change the strategy, the source and the callers", async (button) => {
    const { turn } = await import("./picture.ts")
    turn(figure, figure.dataset["turn"]!)
    button.remove()
  })
}

for (const block of document.querySelectorAll<HTMLElement>("[data-run]")) {
  const around = block.closest<HTMLElement>(".expressive-code")
  if (around === null) continue
  offer(around, "Change and run", async (button) => {
    const { play } = await import("./play.ts")
    play(around)
    button.remove()
  })
}
