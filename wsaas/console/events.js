// The view of events: what is kept, what passes the filter, and what stands on the bar above the list.
//
// Events are kept as they come; all drawing happens once in a frame, whatever came since the last one.

import { announce, h, icon, replace, write } from './dom.js'
import { matches, needsGateway, parameters, parse } from './filter.js'
import { Flood } from './flood.js'
import { count, plural } from './format.js'
import { List, latestButton } from './list.js'
import { isNote } from './model.js'
import { Ring } from './ring.js'

const FAILURES = 'status:4xx,5xx,error'
const WHOLE = 'rate=100' // events a second of each kind that the gateway shows: nobody reads more
const RATE_OF_FILTERED = 1000 // of those that pass a filter
const MANY = 50 // events a second
const EVERY = 125 // ms between two drawings while more come
const TYPING = 400 // ms

const byId = id => document.getElementById(id)

export class Events {
  /** `onSelect(event)`, `onDrawn()` after each frame, `onNarrow(query)` when the stream has to begin anew. */
  constructor({ onSelect, onOpen, onDrawn, onNarrow, emptyHint }) {
    this.ring = new Ring()
    this.onDrawn = onDrawn
    this.onNarrow = onNarrow
    this.emptyHint = emptyHint
    this.terms = []
    this.narrowed = '' // the filter that the gateway applies
    this.query = WHOLE // of the stream
    this.flood = new Flood()
    this.frozen = null // while paused: what is shown
    this.leftOut = 0
    this.waiting = false
    this.drawnAt = 0
    this.arrivals = { second: 0, number: 0, before: 0 }
    this.unseenSince = 0
    this.build(onSelect, onOpen)
  }

  build(onSelect, onOpen) {
    this.list = new List(byId('listarea'), {
      onSelect,
      onOpen,
      onId: id => this.setFilter(`id:${id}`),
      onFollow: following => {
        if (!this.list) return
        this.unseenSince = this.ring.last
        this.drawLatest(following)
      },
    })
    this.latest = latestButton(() => {
      if (this.frozen) this.pause()
      if (this.list.selected) this.list.select(null)
      this.list.follow(true)
      this.list.grid.focus()
    })
    byId('listarea').append(this.latest.button)
    this.filter = byId('filter')
    byId('filterbox').prepend(icon('search'))
    this.filter.addEventListener('input', () => this.filterChanged())
    this.filter.addEventListener('keydown', event => {
      if (event.key === 'Enter' || event.key === 'ArrowDown') {
        event.preventDefault()
        this.list.grid.focus()
      }
    })
    byId('failures').addEventListener('click', () => this.setFilter(this.filter.value.includes(FAILURES) ? this.filter.value.replace(FAILURES, '').trim() : `${this.filter.value} ${FAILURES}`.trim()))
    byId('pause').addEventListener('click', () => this.pause())
    byId('clear').addEventListener('click', () => this.clear())
    replace(byId('clear'), icon('clear'), h('span', { class: 'label' }, 'Clear'))
    this.drawPause()
    this.draw()
  }

  /** Keep an event, to be drawn with the next frame. */
  add(event) {
    const second = Math.floor(performance.now() / 1000)
    if (second !== this.arrivals.second) this.arrivals = { second, number: 0, before: this.arrivals.number }
    this.arrivals.number++
    if (event.event === 'skipped') this.leftOut += event.count
    this.ring.add(event)
    this.soon()
  }

  /** Hear how many events the gateway has not shown. */
  sampled(event) {
    const before = this.flood.on
    this.flood.add(event)
    if (!before) {
      announce('More events come than are shown')
      this.narrow()
    }
    this.drawFlood()
  }

  /** Say above the list how many events are not shown, as long as that is so. */
  drawFlood() {
    const { on, count: hidden, failed } = this.flood.read()
    const line = byId('flood')
    line.hidden = !on
    clearTimeout(this.ebb)
    if (!on) return
    this.ebb = setTimeout(() => this.drawFlood(), 500)
    const all = hidden + this.arrivals.before
    write(line.querySelector('.share'), `${count(hidden)} of ${count(all)} events a second`)
    const failures = failed ? `, ${plural(failed, 'failure')} among them` : ''
    write(line.querySelector('.rest'), ` are not shown${failures}: ${this.terms.length ? 'narrow the filter' : 'set a filter'} to see each.`)
  }

  /** Put a line of the page's own between the events. */
  note(text) {
    this.ring.add({ event: 'note', time: new Date().toISOString(), text })
    this.soon()
  }

  /** Draw with the next frame; where very many events come, EVERY ms at most: nobody reads faster. */
  soon() {
    if (this.waiting) return
    this.waiting = true
    const draw = () => requestAnimationFrame(() => {
      this.waiting = false
      this.drawnAt = performance.now()
      this.draw()
    })
    const early = Math.max(this.arrivals.number, this.arrivals.before) > MANY ? this.drawnAt + EVERY - performance.now() : 0
    if (early > 0) setTimeout(draw, early)
    else draw()
  }

  draw() {
    const kept = this.frozen ?? this.ring.trim()
    const shown = this.terms.length ? kept.filter(event => isNote(event) || matches(this.terms, event)) : kept.slice()
    this.list.show(shown)
    const filtered = this.terms.length ? `${count(shown.length)} of ` : ''
    write(byId('event-count'), kept.length ? `${filtered}${plural(kept.length, 'event')}${this.leftOut ? `, ${count(this.leftOut)} left out` : ''}` : '')
    this.drawEmpty(shown, kept)
    this.drawLatest(this.list.following)
    this.onDrawn()
  }

  drawEmpty(shown, kept) {
    const kind = shown.length ? '' : kept.length ? 'filter' : 'none'
    const empty = byId('events-empty')
    this.list.grid.classList.toggle('bare', kind !== '')
    if (this.emptyKind === kind) return
    this.emptyKind = kind
    empty.hidden = kind === ''
    if (kind === 'none') replace(empty, this.emptyHint())
    if (kind === 'filter') {
      replace(empty, h('h2', null, 'No event passes the filter'), h('p', null, 'New ones appear here as soon as they come.'),
        h('div', { class: 'actions' }, h('button', { type: 'button', class: 'button', onclick: () => this.setFilter('') }, 'Clear the filter')))
    }
  }

  drawLatest(following) {
    const missed = this.ring.last - this.unseenSince
    this.latest.button.hidden = (following || (missed === 0 && this.list.atEnd)) && !this.frozen
    write(this.latest.words, missed > 0 ? `${count(missed)} new` : 'Latest')
  }

  /** Stop moving, or go on. What comes meanwhile is kept, as far as there is room. */
  pause() {
    this.frozen = this.frozen ? null : this.ring.trim().slice()
    if (this.frozen) this.unseenSince = this.ring.last
    this.drawPause()
    this.draw()
  }

  drawPause() {
    const paused = this.frozen !== null
    byId('pause').setAttribute('aria-pressed', paused)
    byId('pause').classList.toggle('on', paused)
    replace(byId('pause'), icon(paused ? 'play' : 'pause'), h('span', { class: 'label' }, paused ? 'Go on' : 'Pause'))
  }

  clear() {
    this.ring.clear()
    this.leftOut = 0
    if (this.frozen) this.frozen = []
    this.list.select(null)
    this.list.follow(true)
    this.draw()
  }

  setFilter(text) {
    this.filter.value = text
    this.filterChanged()
  }

  filterChanged() {
    const text = this.filter.value
    this.terms = parse(text)
    byId('failures').setAttribute('aria-pressed', text.includes(FAILURES))
    byId('failures').classList.toggle('on', text.includes(FAILURES))
    this.draw()
    clearTimeout(this.typing)
    this.typing = setTimeout(() => this.narrow(), TYPING)
  }

  /** Have the gateway apply the filter where only it can, or where it does not show all that happens. */
  narrow() {
    const filtered = this.terms.length > 0 && (this.flood.on || this.query !== WHOLE || needsGateway(this.terms))
    const narrowed = filtered ? parameters(this.terms).toString() : ''
    const query = filtered ? `${narrowed && `${narrowed}&`}rate=${RATE_OF_FILTERED}` : WHOLE
    if (query === this.query) return
    if (narrowed !== this.narrowed) this.note(narrowed ? `From here on the gateway sends only ${decodeURIComponent(narrowed.replaceAll('&', ' ').replaceAll('=', ':'))}` : 'From here on the gateway sends events of all kinds')
    this.narrowed = narrowed
    this.query = query
    this.flood.clear()
    this.drawFlood()
    this.onNarrow(query)
  }

  focusFilter() {
    this.filter.focus()
    this.filter.select()
  }

  /** Leave the filter box, emptying it first; says if there was something to leave. */
  leaveFilter() {
    if (document.activeElement !== this.filter) return false
    if (this.filter.value) this.setFilter('')
    else this.list.grid.focus()
    return true
  }

  /** Return the tries of the same webhook, the event itself among them. */
  related(event) {
    if (!event.webhook_id) return []
    const kind = event.event === 'reply' ? null : event.webhook_id
    return kind === null ? [] : this.ring.items.filter(each => each.webhook_id === kind && each.event !== 'reply')
  }
}
