// How many events a second the gateway does not show: the sum of what each process says, once a second.

const SAID_FOR = 2500 // ms for which a process's word holds

export class Flood {
  constructor() {
    this.processes = new Map()
  }

  /** Take the word of one process: a line "sampled". */
  add({ worker, count, failed, duration }, now = performance.now()) {
    const seconds = Math.max(1, duration) / 1000
    this.processes.set(worker, { count: count / seconds, failed: failed / seconds, now })
  }

  clear() {
    this.processes.clear()
  }

  /** True while events are left out. */
  get on() {
    return this.read().on
  }

  /** Return the events that are not shown in a second, and the failures among them. */
  read(now = performance.now()) {
    const sum = { on: false, count: 0, failed: 0 }
    for (const [worker, said] of this.processes) {
      if (now - said.now > SAID_FOR) this.processes.delete(worker)
      else {
        sum.on = true
        sum.count += said.count
        sum.failed += said.failed
      }
    }
    return { ...sum, count: Math.ceil(sum.count), failed: Math.ceil(sum.failed) }
  }
}
