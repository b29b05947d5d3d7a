/** Elements of a page, made by code. */

type Child = Node | string

export const make = <Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  fields: Partial<HTMLElementTagNameMap[Tag]>,
  ...children: ReadonlyArray<Child>
): HTMLElementTagNameMap[Tag] => {
  const element = Object.assign(document.createElement(tag), fields)
  element.append(...children)
  return element
}

/** A button with a text. */
export const button = (text: string, act: () => void): HTMLButtonElement => {
  const made = make("button", { type: "button" }, text)
  made.addEventListener("click", act)
  return made
}
