// Reads the event stream: newline-delimited JSON over fetch, since EventSource cannot send the token.

import { ApiError, request } from './api.js'

const FIRST_DELAY = 500
const LONGEST_DELAY = 10_000
const SILENCE = 40_000 // the gateway says something every 15 s
const LONGEST_LINE = 1_000_000

export class Stream {
  /** `onEvent(event)` hears of each event, `onState(state, detail)` of: connecting, live, waiting, refused. */
  constructor(onEvent, onState) {
    this.onEvent = onEvent
    this.onState = onState
    this.abort = null
    this.run = 0
    this.query = ''
    this.heardAt = null // when something came last, be it an empty line
    this.ended = false // by a last line
  }

  /** Begin, or begin anew with other parameters. */
  async start(query = this.query) {
    this.query = query
    const run = ++this.run
    this.abort?.abort()
    let delay = FIRST_DELAY
    while (run === this.run) {
      this.abort = new AbortController()
      let problem = null
      try {
        this.onState('connecting')
        const response = await request('GET', `/-/events${query ? `?${query}` : ''}`, {
          headers: { Accept: 'application/x-ndjson' },
          signal: this.abort.signal,
        })
        if (run !== this.run) return
        delay = FIRST_DELAY
        this.ended = false
        this.onState('live', { since: this.heardAt })
        await this.read(response.body.getReader(), run)
      } catch (error) {
        problem = error
      }
      if (run !== this.run) return
      if (problem instanceof ApiError && problem.status !== 503) {
        this.onState('refused', problem)
        return
      }
      // Behind a last line another process takes over, perhaps at once.
      const wait = this.ended ? 0 : delay * (0.75 + Math.random() / 2)
      this.onState('waiting', { problem, wait, ended: this.ended })
      this.ended = false
      await this.sleep(wait)
      delay = Math.min(delay * 2, LONGEST_DELAY)
    }
  }

  /** Stop waiting, and connect at once. */
  hurry() {
    this.wake?.()
  }

  sleep(ms) {
    return new Promise(resolve => {
      this.wake = resolve
      setTimeout(resolve, ms)
    })
  }

  async read(reader, run) {
    const decoder = new TextDecoder()
    let rest = ''
    let silence
    const watch = () => {
      clearTimeout(silence)
      silence = setTimeout(() => reader.cancel().catch(() => {}), SILENCE)
    }
    try {
      for (;;) {
        watch()
        const { value, done } = await reader.read()
        if (done || run !== this.run) return
        this.heardAt = Date.now()
        const lines = (rest + decoder.decode(value, { stream: true })).split('\n')
        rest = lines.pop()
        if (rest.length > LONGEST_LINE) throw new Error('the gateway sent a line without an end')
        for (const line of lines) if (line) this.hear(line)
      }
    } finally {
      clearTimeout(silence)
    }
  }

  hear(line) {
    let event
    try {
      event = JSON.parse(line)
    } catch {
      return
    }
    if (!event || typeof event.event !== 'string' || event.event === 'tick') return
    if (event.event === 'end') this.ended = true
    else this.onEvent(event)
  }
}
