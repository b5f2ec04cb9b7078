// The processes of this gateway, and of its cluster: whatever lists /-/cluster has, each as a table.

import { json } from './api.js'
import { h, replace } from './dom.js'
import { count } from './format.js'
import { Polling, unread } from './table.js'

const TITLES = { workers: 'Workers', nodes: 'Nodes', members: 'Nodes' }
const NAMES = { pid: 'Process', prefix: 'Prefix of ids' }
const LABELS = new Set(['worker', 'node', 'pid']) // numbers that count nothing
// The columns in this order; those that are not named come behind.
const ORDER = ['node', 'worker', 'state', 'reason', 'connections', 'prefix', 'pid', 'address', 'version']
const GOOD = new Set(['ready', 'up', 'alive', 'live'])

export class Cluster {
  constructor(root) {
    this.content = h('div', { class: 'cluster' })
    root.append(h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Processes' }, this.content))
    this.polling = new Polling(() => this.load(), error => replace(this.content, h('div', { class: 'empty' }, unread(error))))
  }

  start() {
    this.polling.start()
  }

  stop() {
    this.polling.stop()
  }

  async load() {
    const found = await json('GET', '/-/cluster')
    const single = Object.entries(found).filter(([, value]) => typeof value !== 'object')
    const lists = Object.entries(found).filter(([, value]) => Array.isArray(value) && value.every(each => each && typeof each === 'object'))
    replace(this.content,
      single.length ? h('dl', { class: 'facts' }, single.map(([name, value]) => h('div', null, h('dt', null, titleOf(name)), h('dd', null, String(value))))) : null,
      lists.map(([name, rows]) => section(name, rows)),
      lists.length === 1 && lists[0][0] === 'workers' && lists[0][1].length === 1
        ? h('p', { class: 'faint wide' }, 'One process serves all clients. WORKERS=0 starts one for each core; CLUSTER joins several machines.') : null)
  }
}

function titleOf(name) {
  const words = NAMES[name] ?? name.replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

function section(name, rows) {
  const place = column => (ORDER.includes(column) ? ORDER.indexOf(column) : ORDER.length)
  const columns = [...new Set(rows.flatMap(row => Object.keys(row).filter(key => typeof row[key] !== 'object' || row[key] === null)))]
    .sort((one, other) => place(one) - place(other))
  const numeric = column => !LABELS.has(column) && rows.some(row => typeof row[column] === 'number')
  const title = TITLES[name] ?? titleOf(name)
  return h('section', null, h('h2', null, title),
    h('table', { class: 'table', 'aria-label': title },
      h('thead', null, h('tr', null, columns.map(column => h('th', { scope: 'col', class: numeric(column) ? 'number' : null }, titleOf(column))))),
      h('tbody', null, [...rows].sort(byName).map(row => h('tr', null, columns.map(column => h('td', { class: `of-${column}${numeric(column) ? ' number' : ''}` }, cell(column, row[column]))))))))
}

/** Order the processes as a person does: by their nodes, and their numbers. */
function byName(one, other) {
  return String(one.node ?? '').localeCompare(String(other.node ?? ''), undefined, { numeric: true }) || (one.worker ?? 0) - (other.worker ?? 0)
}

function cell(column, value) {
  if (value === null || value === undefined) return '–'
  if (column === 'state') return h('span', { class: `statepill ${GOOD.has(value) ? 'good' : 'warn'}` }, h('span', { class: 'dot', 'aria-hidden': 'true' }), value)
  return typeof value === 'number' && !LABELS.has(column) ? count(value) : String(value)
}
