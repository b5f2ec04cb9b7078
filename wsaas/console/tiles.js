// The six figures at the top, each with its last five minutes, from /-/stats and from the difference of two readings.

import { json } from './api.js'
import { h, svg, write } from './dom.js'
import { count, figure, milliseconds, duration } from './format.js'

const EVERY = 2000
const KEPT = 150 // readings: five minutes
const FEWEST = 30 // readings that fill a line at first: one minute
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
  /** `onStats(stats)` hears of each reading. */
  constructor(root, onStats) {
    this.onStats = onStats
    this.before = null
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
    const stats = await json('GET', '/-/stats')
    this.take(stats, performance.now())
    this.onStats(stats)
  }

  /** Take one reading; `now` is in ms. Rates need two of the same life of the gateway. */
  take(stats, now) {
    const before = this.before
    const same = before !== null && stats.uptime >= before.stats.uptime
    const seconds = same ? (now - before.now) / 1000 : null
    const rate = name => (seconds ? Math.max(0, (stats.counters[name] - before.stats.counters[name]) / seconds) : null)
    const { connections, limit, webhook_p50: p50, webhook_p99: p99 } = stats
    this.set('connections', connections, count(connections), limit ? `of ${count(limit)}` : '', limit && connections / limit > 0.9)
    this.set('in', rate('messages_received'), figure(rate('messages_received')), '')
    this.set('out', rate('messages_sent'), figure(rate('messages_sent')), '')
    this.set('webhooks', p50 ?? null, p50 === null ? '–' : milliseconds(p50), p99 === null ? '' : `p99 ${milliseconds(p99)}`)
    const tries = rate('webhook_attempts')
    const failing = tries === null ? null : tries === 0 ? 0 : (100 * rate('webhook_failures')) / tries
    this.set('failing', failing, figure(failing), '', failing > 0)
    const oldest = stats.oldest_waiting ? `oldest ${duration(stats.oldest_waiting)}` : ''
    this.set('waiting', stats.waiting_disconnects, count(stats.waiting_disconnects), oldest, stats.waiting_disconnects > 0)
    this.before = { stats, now }
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
