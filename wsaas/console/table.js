// What the tables have in common: a reading every few seconds while they are in sight, a box to search, a line about
// their size, and what stands in an empty one.

import { h, icon, replace } from './dom.js'

const EVERY = 5000

/** Reads something now, and again while it is in sight: `read` resolves when that is done, `failed(error)` may say why not. */
export class Polling {
  constructor(read, failed = () => {}) {
    this.read = read
    this.failed = failed
    this.timer = null
    this.run = 0 // a reading may take longer than its list is in sight
  }

  start() {
    this.stop()
    const run = this.run
    const again = async () => {
      if (!document.hidden) await this.read().catch(error => run === this.run && this.failed(error))
      if (run === this.run) this.timer = setTimeout(again, EVERY)
    }
    this.timer = setTimeout(again, 0)
  }

  stop() {
    this.run++
    clearTimeout(this.timer)
  }
}

/** What stands in the place of a list that could not be read. */
export function unread(error) {
  return [h('h2', null, 'The list cannot be read'), h('p', null, error.message)]
}

/** A table of many things, `name` in the plural. A subclass has `load()` and `draw()`; `heads` are its th elements. */
export class Table {
  constructor(root, { name, placeholder, heads, more = null }) {
    this.name = name
    this.search = h('input', { type: 'search', class: 'filter', placeholder, 'aria-label': `Find ${name}` })
    this.search.addEventListener('input', () => this.draw())
    this.info = h('span', { class: 'faint' })
    this.body = h('tbody')
    this.table = h('table', { class: 'table', 'aria-label': name.charAt(0).toUpperCase() + name.slice(1) }, h('thead', null, h('tr', null, heads)), this.body)
    this.empty = h('div', { class: 'empty', hidden: true })
    this.polling = new Polling(() => this.load(), error => this.failed(error))
    root.append(
      h('div', { class: 'toolbar' }, h('div', { class: 'filterbox' }, icon('search'), this.search), this.info),
      h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': `Table of ${name}` }, this.table, this.empty, more))
  }

  start() {
    this.polling.start()
  }

  stop() {
    this.polling.stop()
  }

  /** Say why nothing was read; what was read before stays. */
  failed(error) {
    if (this.body.childElementCount) return
    this.table.hidden = true
    this.empty.hidden = false
    replace(this.empty, unread(error))
  }

  /** What is searched for, in lower case. */
  get words() {
    return this.search.value.trim().toLowerCase()
  }

  /** Show these rows; if there are none, say that nothing matches, or what `hint()` makes. */
  show(rows, hint) {
    replace(this.body, rows)
    this.table.hidden = rows.length === 0
    this.empty.hidden = rows.length > 0
    if (!rows.length) replace(this.empty, this.words ? [h('h2', null, `No ${this.name.slice(0, -1)} matches`), h('p', null, 'Clear the box above to see all of them.')] : hint())
  }
}
