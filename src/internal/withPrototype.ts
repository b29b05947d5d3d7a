/** Classes whose prototype is made elsewhere. One call makes one, so that bundlers leave out what is not used. */

/** Gives a constructor a prototype. */
export const withPrototype = <C>(constructor: (...fields: never) => void, prototype: object): C =>
  Object.defineProperty(constructor, "prototype", { value: prototype }) as unknown as C
