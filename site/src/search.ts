/** The search in place of Pagefind's own entry, which each page would load: the rest is loaded when it is opened. */

/** Starlight calls this as a constructor. */
export function PagefindUI(options: object): void {
  const dialog = document.querySelector("site-search dialog")!
  const opened = new MutationObserver(() => {
    if (!dialog.hasAttribute("open")) return
    opened.disconnect()
    void import("../node_modules/@pagefind/default-ui/npm_dist/mjs/ui-core.mjs").then(({ PagefindUI }) => {
      Reflect.construct(PagefindUI, [options])
      dialog.querySelector("input")?.focus()
    })
  })
  opened.observe(dialog, { attributes: true, attributeFilter: ["open"] })
}
