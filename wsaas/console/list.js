// Shows the events: as many rows as are in sight and no more, however many there are and however fast they come.
//
// Rows are made once and written anew. Each has its place by its number, so that the rows that a person looks at stay
// where they are while others come below and the oldest are let go above. While the list stands at its end, it follows.

import { clock, bytes, milliseconds, shortId } from './format.js'
import { h, icon, write } from './dom.js'
import { direction, isNote, judge, methodOf, nameOf, statusText, summary, totalTime } from './model.js'

const SPARE = 4 // rows made beyond those in sight
const COLUMNS = [
  ['time', 'Time'], ['event', 'Event'], ['id', 'Connection'], ['status', 'Status'], ['took', 'Took'], ['size', 'Size'],
  ['summary', 'Summary'],
]
const SIGNS = { bad: '✕', warn: '!' }

export class List {
  /** `onSelect(event)` when a row is chosen, `onOpen()` on Enter, `onId(id)` for a connection's id, `onFollow(following)`. */
  constructor(root, { onSelect, onOpen, onId, onFollow }) {
    this.events = []
    this.selected = null
    this.following = true
    this.rows = []
    this.onSelect = onSelect
    this.onOpen = onOpen
    this.onId = onId
    this.onFollow = onFollow
    this.space = h('div', { class: 'space', role: 'rowgroup' })
    const heads = COLUMNS.map(([name, text]) => h('div', { class: name, role: 'columnheader' }, text))
    this.head = h('div', { class: 'head', role: 'rowgroup' }, h('div', { class: 'row', role: 'row', 'aria-rowindex': '1' }, heads))
    this.grid = h('div', {
      class: 'grid', role: 'grid', tabindex: '0', 'aria-label': 'Events', 'aria-readonly': 'true', id: 'events-grid',
    }, this.head, this.space)
    root.append(this.grid)
    this.grid.addEventListener('scroll', () => this.scrolled(), { passive: true })
    this.grid.addEventListener('keydown', event => this.key(event))
    this.space.addEventListener('click', event => this.clicked(event))
    new ResizeObserver(() => this.measure()).observe(this.grid)
    this.measure()
  }

  measure() {
    const style = getComputedStyle(this.grid)
    this.rowHeight = parseFloat(style.getPropertyValue('--row')) || 32
    this.headHeight = this.head.offsetHeight
    this.height = this.grid.clientHeight
    if (this.following) this.grid.scrollTop = this.events.length * this.rowHeight
    this.draw()
  }

  /** Show these events. Those at the front that are gone take their room with them; what is in sight stays in sight. */
  show(events) {
    const before = this.events
    this.events = events
    let scrollTop = null
    if (!this.following && before.length && events.length) {
      // The anchor is the first row in sight, found by its number among the new ones.
      const top = this.grid.scrollTop
      const at = Math.min(before.length - 1, Math.floor(top / this.rowHeight))
      const index = this.indexOf(before[at].seq)
      scrollTop = index * this.rowHeight + (top - at * this.rowHeight)
    }
    this.space.style.height = `${events.length * this.rowHeight}px`
    this.grid.setAttribute('aria-rowcount', events.length + 1)
    if (this.following) scrollTop = events.length * this.rowHeight
    if (scrollTop !== null && Math.abs(scrollTop - this.grid.scrollTop) >= 1) this.grid.scrollTop = scrollTop
    this.draw()
  }

  /** Find the place of the event with this number, or of the next one, by halving. */
  indexOf(seq) {
    let low = 0
    let high = this.events.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.events[middle].seq < seq) low = middle + 1
      else high = middle
    }
    return low
  }

  draw() {
    const first = Math.max(0, Math.floor(this.grid.scrollTop / this.rowHeight) - SPARE)
    const wanted = Math.min(this.events.length - first, Math.ceil(this.height / this.rowHeight) + 2 * SPARE)
    while (this.rows.length < wanted) this.rows.push(this.makeRow())
    for (let at = 0; at < this.rows.length; at++) {
      const row = this.rows[at]
      if (at >= wanted) {
        row.element.hidden = true
        row.event = null
        continue
      }
      row.element.hidden = false
      this.place(row, first + at)
    }
    const active = this.selected === null ? null : this.rows.find(row => row.event?.seq === this.selected.seq)
    if (active) this.grid.setAttribute('aria-activedescendant', active.element.id)
    else this.grid.removeAttribute('aria-activedescendant')
  }

  place(row, index) {
    const event = this.events[index]
    if (row.index !== index) {
      row.index = index
      row.element.style.transform = `translateY(${index * this.rowHeight}px)`
      row.element.setAttribute('aria-rowindex', index + 2)
    }
    if (row.event !== event) {
      row.event = event
      this.fill(row, event)
    }
    const chosen = this.selected !== null && event.seq === this.selected.seq
    const kin = !chosen && this.selected?.id !== undefined && this.selected.id === event.id
    const state = `row ${row.verdict}${chosen ? ' chosen' : ''}${kin ? ' kin' : ''}`
    if (row.state !== state) {
      row.state = state
      row.element.className = state
      row.element.setAttribute('aria-selected', chosen)
    }
  }

  fill(row, event) {
    row.verdict = judge(event) + (event.id ? '' : ' nobody') + (isNote(event) ? ' note' : '')
    row.element.id = `event-${event.seq}`
    write(row.time, clock(event.time))
    write(row.direction, direction(event))
    write(row.name, nameOf(event))
    write(row.attempt, event.attempt > 1 ? `try ${event.attempt}` : '')
    write(row.id, event.id ? shortId(event.id) : '')
    row.id.hidden = !event.id
    write(row.method, event.status !== undefined && methodOf(event) ? methodOf(event) : '')
    const sign = SIGNS[judge(event)] ?? ''
    write(row.code, statusText(event))
    write(row.sign, sign && statusText(event) ? sign : '')
    write(row.took, milliseconds(totalTime(event)))
    write(row.size, bytes(event.bytes))
    write(row.summary, summary(event))
  }

  makeRow() {
    const row = { index: -1, event: null, state: '', verdict: '' }
    row.time = h('div', { class: 'time', role: 'gridcell' })
    row.direction = h('span', { class: 'direction', 'aria-hidden': 'true' })
    row.name = h('span', { class: 'name' })
    row.attempt = h('span', { class: 'attempt' })
    row.id = h('button', { type: 'button', tabindex: '-1', class: 'idlink', title: 'Show only this connection' })
    row.method = h('span', { class: 'method' })
    row.sign = h('span', { class: 'sign', 'aria-hidden': 'true' })
    row.code = h('span', { class: 'code' })
    row.took = h('div', { class: 'took', role: 'gridcell' })
    row.size = h('div', { class: 'size', role: 'gridcell' })
    row.summary = h('div', { class: 'summary', role: 'gridcell' })
    row.element = h('div', { class: 'row', role: 'row' },
      row.time,
      h('div', { class: 'event', role: 'gridcell' }, row.direction, row.name, row.attempt),
      h('div', { class: 'id', role: 'gridcell' }, row.id),
      h('div', { class: 'status', role: 'gridcell' }, row.method, row.code, row.sign),
      row.took, row.size, row.summary)
    this.space.append(row.element)
    return row
  }

  clicked(event) {
    const row = this.rows.find(each => each.element.contains(event.target))
    if (!row?.event) return
    if (event.target.closest('.idlink')) this.onId(row.event.id)
    else this.select(row.event)
  }

  /** Choose an event, or none. A list with a chosen row stays where it is. */
  select(event, reveal = true) {
    this.selected = event
    if (event !== null) {
      this.follow(false)
      if (reveal) this.reveal(this.indexOf(event.seq))
    }
    this.draw()
    this.onSelect(event)
  }

  /** Choose the row so many below the chosen one. */
  move(steps) {
    if (!this.events.length) return
    const last = this.events.length - 1
    if (this.selected === null) {
      // Nothing is chosen: begin with the newest row, or with one in sight.
      const inSight = Math.floor(this.grid.scrollTop / this.rowHeight)
      this.select(this.events[this.following ? last : Math.min(last, inSight)])
      return
    }
    const at = this.indexOf(this.selected.seq)
    this.select(this.events[Math.max(0, Math.min(last, at + steps))])
  }

  reveal(index) {
    const top = index * this.rowHeight
    const room = this.height - this.headHeight
    if (top < this.grid.scrollTop) this.grid.scrollTop = top
    else if (top + this.rowHeight > this.grid.scrollTop + room) this.grid.scrollTop = top + this.rowHeight - room
  }

  /** Say if the newest row is in sight. */
  get atEnd() {
    return this.grid.scrollHeight - this.grid.clientHeight - this.grid.scrollTop <= this.rowHeight
  }

  follow(following) {
    if (following === this.following) return
    this.following = following
    if (following) {
      this.grid.scrollTop = this.events.length * this.rowHeight
      this.draw()
    }
    this.onFollow(following)
  }

  scrolled() {
    if (!this.atEnd) this.follow(false)
    else if (this.selected === null) this.follow(true)
    this.draw()
  }

  key(event) {
    if (event.key === 'Enter' && this.selected !== null && event.target === this.grid) this.onOpen()
    const page = Math.max(1, Math.floor((this.height - this.headHeight) / this.rowHeight) - 1)
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[event.key]
    if (steps === undefined || event.altKey || event.ctrlKey || event.metaKey) return
    event.preventDefault()
    if (!this.events.length) return
    if (Number.isFinite(steps)) this.move(steps)
    else this.select(this.events[steps < 0 ? 0 : this.events.length - 1])
  }
}

/** Make the button that goes back to the newest event. */
export function latestButton(onClick) {
  const words = h('span', null, 'Latest')
  const button = h('button', { type: 'button', class: 'latest', hidden: true, onclick: onClick }, icon('down'), words)
  return { button, words }
}
