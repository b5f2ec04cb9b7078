// Keeps the last events, each with a number of its own, and counts those that it had to let go.

export const CAPACITY = 1000

export class Ring {
  constructor(capacity = CAPACITY) {
    this.capacity = capacity
    this.items = []
    this.last = 0 // the number of the newest event
  }

  /** Keep an event. The oldest are let go in strokes, since each stroke moves all others. */
  add(event) {
    event.seq = ++this.last
    this.items.push(event)
    if (this.items.length >= this.capacity * 2) this.trim()
    return event
  }

  /** Let go of what is over the bound. */
  trim() {
    const excess = this.items.length - this.capacity
    if (excess > 0) this.items.splice(0, excess)
    return this.items
  }

  clear() {
    this.items = []
  }
}
