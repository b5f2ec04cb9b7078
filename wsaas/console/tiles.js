// The six figures at the top, each with its last five minutes: readings of /-/stats, which are of all workers and nodes,
// and how two of them differ.

import { json } from './api.js'
import { h, svg, write } from './dom.js'
import { count, duration, figure, milliseconds } from './format.js'

const EVERY = 2000
const WITHIN = 6000 // ms for a reading; a gateway waits two seconds for another worker or node
const KEPT = 150 // readings: five minutes
const FEWEST = 30 // readings that fill a line at first: one minute
const MINUTE = 60_000
const WIDTH = 120
const HEIGHT = 28

const TILES = [
  { name: 'connections', label: 'Connections' },
  { name: 'in', label: 'Messages in', unit: '/s' },
  { name: 'out', label: 'Messages out', unit: '/s' },
  { name: 'webhooks', label: 'Webhook time' },
  { name: 'failing', label: 'Webhooks failing', unit: '%' },
  { name: 'waiting', label: 'Waiting DELETEs' },
]

export class Tiles {
  /**
   * `onReading(state, uptime)` hears after each reading: ready, unready or draining, and seconds; or silent, and null, if
   * none came `within` so many ms.
   */
  constructor(root, onReading, within = WITHIN) {
    this.onReading = onReading
    this.within = within
    this.readings = []
    this.tiles = new Map(TILES.map(tile => [tile.name, makeTile(root, tile)]))
  }

  start() {
    const again = async () => {
      if (!document.hidden) await this.read().catch(() => {})
      setTimeout(again, EVERY)
    }
    again()
  }

  async read() {
    let stats
    try {
      stats = await json('GET', '/-/stats', { within: this.within })
    } catch (error) {
      if (error.name === 'TimeoutError') this.onReading('silent', null)
      throw error
    }
    this.take(stats, performance.now())
    this.onReading(stats.state, stats.uptime)
  }

  /** Take one reading; `now` is in ms. Rates are over the last two, failures over the last minute. */
  take(stats, now) {
    const { counters } = stats
    const last = this.readings.at(-1)?.counters
    // A gateway that began anew counts from zero, and one of several that is not heard is missing in the sums.
    if (last && Object.keys(counters).some(name => counters[name] < last[name])) this.readings = []
    this.readings.push({ counters, now })
    while (this.readings.length > 2 && now - this.readings[1].now > MINUTE) this.readings.shift()
    const before = this.readings.at(-2)
    const oldest = this.readings[0]
    const rate = name => (before ? ((counters[name] - before.counters[name]) / (now - before.now)) * 1000 : null)
    const { connections, limit, waiting_disconnects: waiting, oldest_waiting: longest, webhook_p50: p50, webhook_p99: p99, unreached } = stats
    this.set('connections', connections, count(connections), [limit && `of ${count(limit)}`, unreached && `${unreached} not heard`].filter(Boolean).join(', '), unreached || (limit && connections / limit > 0.9))
    this.set('in', rate('messages_received'), figure(rate('messages_received')), '')
    this.set('out', rate('messages_sent'), figure(rate('messages_sent')), '')
    this.set('webhooks', p50 ?? 0, p50 === null ? '–' : milliseconds(p50), p99 === null ? '' : `p99 ${milliseconds(p99)}`)
    const tries = counters.webhook_attempts - oldest.counters.webhook_attempts
    const failing = tries > 0 ? (100 * (counters.webhook_failures - oldest.counters.webhook_failures)) / tries : 0
    this.set('failing', failing, figure(failing), '', failing > 0)
    this.set('waiting', waiting, count(waiting), longest >= 1 ? `oldest ${duration(longest)}` : '', waiting > 0 && longest >= 1)
  }

  set(name, value, shown, note, alarming = false) {
    const tile = this.tiles.get(name)
    write(tile.value, shown)
    tile.value.classList.toggle('unknown', shown === '–')
    write(tile.note, note)
    tile.element.classList.toggle('alarming', Boolean(alarming))
    if (value !== null) {
      tile.readings.push(value)
      if (tile.readings.length > KEPT) tile.readings.shift()
      drawLine(tile)
    }
  }
}

function makeTile(root, { label, unit }) {
  const value = h('span', { class: 'value unknown' }, '–')
  const note = h('span', { class: 'note' })
  const line = svg('path', { class: 'line' })
  const area = svg('path', { class: 'area' })
  const spark = svg('svg', {
    class: 'spark', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true', focusable: 'false',
  }, svg('path', { class: 'base', d: `M0,${HEIGHT - 0.5}H${WIDTH}` }), area, line)
  const figures = h('dd', null, value, unit && h('span', { class: 'unit' }, unit), note)
  const element = h('div', { class: 'tile' }, h('dt', null, label), figures, spark)
  root.append(element)
  return { element, value, note, line, area, readings: [] }
}

/** Draw the readings, the newest at the right edge; the top is the greatest of them. */
function drawLine({ readings, line, area }) {
  if (readings.length < 2) return
  const top = Math.max(...readings, 0.001) * 1.1
  const step = WIDTH / (Math.max(readings.length, FEWEST) - 1)
  const start = WIDTH - (readings.length - 1) * step
  const points = readings.map((value, at) => `${(start + at * step).toFixed(1)},${(HEIGHT - 1.5 - (value / top) * (HEIGHT - 4)).toFixed(1)}`)
  line.setAttribute('d', `M${points.join('L')}`)
  area.setAttribute('d', `M${start.toFixed(1)},${HEIGHT}L${points.join('L')}L${WIDTH},${HEIGHT}Z`)
}
