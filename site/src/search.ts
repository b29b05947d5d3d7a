/** The search in place of Pagefind's own entry, which each page would load: the rest is loaded when a reader opens it. */

export class PagefindUI {
  constructor(options: object) {
    const dialog = document.querySelector("site-search dialog")!
    const opened = new MutationObserver(() => {
      if (!dialog.hasAttribute("open")) return
      opened.disconnect()
      void import("../node_modules/@pagefind/default-ui/npm_dist/mjs/ui-core.mjs").then(({ PagefindUI }) => {
        new PagefindUI(options)
        dialog.querySelector("input")?.focus()
      })
    })
    opened.observe(dialog, { attributes: true, attributeFilter: ["open"] })
  }
}
