/** Doubly linked nodes in a ring around a head, so that the first and the last node are not special cases. */

export interface Linked {
  previous: Linked | undefined
  next: Linked | undefined
}

export const makeHead = (): Linked => {
  const head = {} as Linked
  empty(head)
  return head
}

/** Removes all nodes in one step. The nodes stay linked to each other. */
export const empty = (head: Linked): void => {
  head.previous = head.next = head
}

export const insertAfter = (previous: Linked, node: Linked): void => {
  const next = previous.next!
  node.previous = previous
  node.next = next
  previous.next = node
  next.previous = node
}

export const append = (head: Linked, node: Linked): void => insertAfter(head.previous!, node)

export const unlink = (node: Linked): void => {
  node.previous!.next = node.next
  node.next!.previous = node.previous
}

/** Like `unlink`, for a node that will not be inserted again. Clears its links, so that it keeps no node alive. */
export const release = (node: Linked): void => {
  unlink(node)
  node.previous = undefined
  node.next = undefined
}

export const replace = (old: Linked, node: Linked): void => {
  const previous = old.previous!
  release(old)
  insertAfter(previous, node)
}

export const isEmpty = (head: Linked): boolean => head.next === head
