/** Where a text is in a list, looked for first where it most likely is: lists of tags mostly have the same order. -1: nowhere. */
export const placeOf = (texts: ReadonlyArray<string>, text: string, near: number): number =>
  texts[near] === text ? near : texts.indexOf(text)
