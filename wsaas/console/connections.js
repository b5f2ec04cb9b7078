// The connections: a table that sorts, and for one of them what is known of it, a box to push, and its end.

import { ApiError, ORIGIN, curl, json, request } from './api.js'
import { announce, copyButton, h, icon, replace } from './dom.js'
import { ago, bytes, clock, count, shortId } from './format.js'
import { Table } from './table.js'

const PAGE = 100
const TAGS = 3 // groups of a connection in its row; the details have all
const AT_A_READING = 100 // connections asked about again, however many rows there are: those in sight, then the stalest
const AT_ONCE = 4 // requests: a browser has six connections to one host, and the stream takes one

const COLUMNS = [
  { name: 'id', label: 'Connection', value: each => each.id },
  { name: 'connected_at', label: 'Open for', value: each => -Date.parse(each.connected_at), number: true },
  { name: 'path', label: 'Path', value: each => each.path },
  { name: 'remote_address', label: 'Address', value: each => each.remote_address },
  { name: 'groups', label: 'Groups', value: each => each.groups.join(', ') },
  { name: 'messages_in', label: 'In', value: each => each.messages_in, number: true },
  { name: 'messages_out', label: 'Out', value: each => each.messages_out, number: true },
  { name: 'bytes_waiting_out', label: 'Waiting', value: each => each.bytes_waiting_in + each.bytes_waiting_out, number: true },
  { name: 'last_active_at', label: 'Last seen', value: each => -Date.parse(each.last_active_at), number: true },
]

/** Call `work` for each item, a few at a time, and `failed` for those for which it fails. */
async function inTurns(items, work, failed) {
  let next = 0
  const worker = async () => {
    while (next < items.length) {
      const item = items[next++]
      await work(item).catch(() => failed(item))
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker))
}

export class Connections extends Table {
  /** `onOpen(id)` shows a connection's details; `emptyHint()` makes what stands in an empty table. */
  constructor(root, { onOpen, emptyHint }) {
    const heads = COLUMNS.map(column => {
      const button = h('button', { type: 'button', onclick: () => this.sortBy(column) }, column.label, h('span', { class: 'arrow', 'aria-hidden': 'true' }))
      return h('th', { scope: 'col', class: `${column.name} ${column.number ? 'number' : ''}` }, button)
    })
    const more = h('button', { type: 'button', class: 'button', hidden: true, onclick: () => this.loadMore() }, 'Show more')
    super(root, { name: 'connections', placeholder: 'Find by id, path, address or group', heads, more: h('div', { class: 'more' }, more) })
    this.heads = heads
    this.more = more
    this.onOpen = onOpen
    this.emptyHint = emptyHint
    this.sort = { column: COLUMNS[1], descending: false }
    this.items = []
    this.known = new Map() // by id: what is known of it, and when it was asked
    this.chosen = null
    this.wanted = PAGE
  }

  async load() {
    const page = await json('GET', `/connections?limit=${this.wanted}`)
    const asked = this.due(page.connections)
    const there = new Set(page.connections)
    for (const id of this.known.keys()) if (!there.has(id)) this.known.delete(id)
    await inTurns(asked, async id => {
      this.known.set(id, { facts: await json('GET', `/${id}`), at: performance.now() })
    }, id => this.known.delete(id)) // one that is over
    this.items = page.connections.filter(id => this.known.has(id)).map(id => this.known.get(id).facts)
    this.count = page.count
    this.unreached = page.unreached ?? 0
    this.draw()
  }

  /** Return the ids to ask about: all new ones; of the others AT_A_READING in all, those in sight before the stalest. */
  due(ids) {
    const fresh = ids.filter(id => !this.known.has(id))
    const inSight = this.inSight()
    const rank = id => (inSight.has(id) ? 0 : 1)
    const others = ids.filter(id => this.known.has(id)).sort((one, other) => rank(one) - rank(other) || this.known.get(one).at - this.known.get(other).at)
    return [...fresh, ...others.slice(0, Math.max(0, AT_A_READING - fresh.length))]
  }

  inSight() {
    const rows = [...this.body.children]
    const height = rows[0]?.offsetHeight
    if (!height) return new Set()
    const { scrollTop, clientHeight } = this.table.parentElement
    return new Set(rows.slice(Math.floor(scrollTop / height), Math.ceil((scrollTop + clientHeight) / height)).map(row => row.querySelector('.rowlink').dataset.id))
  }

  loadMore() {
    this.wanted += PAGE
    this.load()
  }

  sortBy(column) {
    this.sort = { column, descending: this.sort.column === column && !this.sort.descending }
    this.draw()
    announce(`Sorted by ${column.label}, ${this.sort.descending ? 'descending' : 'ascending'}`)
  }

  draw() {
    const words = this.words
    const { column, descending } = this.sort
    const shown = this.items.filter(each => !words || [each.id, each.path, each.remote_address, ...each.groups].some(text => text.toLowerCase().includes(words)))
    shown.sort((one, other) => {
      const [a, b] = [column.value(one), column.value(other)]
      return (a < b ? -1 : a > b ? 1 : 0) * (descending ? -1 : 1)
    })
    COLUMNS.forEach((each, at) => {
      if (each === column) this.heads[at].setAttribute('aria-sort', descending ? 'descending' : 'ascending')
      else this.heads[at].removeAttribute('aria-sort')
    })
    const unreached = this.unreached ? `; ${count(this.unreached)} workers did not answer` : ''
    this.info.textContent = this.count > this.items.length ? `${count(this.items.length)} of ${count(this.count)}, sorted among these${unreached}` : `${count(this.count)} open${unreached}`
    this.more.hidden = this.count <= this.items.length
    this.show(shown.map(each => this.row(each)), this.emptyHint)
  }

  row(each) {
    const open = () => {
      this.chosen = each.id
      this.draw()
      this.onOpen(each.id)
    }
    const button = h('button', { type: 'button', class: 'rowlink', title: each.id, 'data-id': each.id }, shortId(each.id))
    return h('tr', { class: each.id === this.chosen ? 'chosen' : null, onclick: open },
      h('th', { scope: 'row', class: 'id' }, button),
      h('td', { class: 'number connected_at' }, each.state === 'connecting' ? 'connecting' : ago(each.connected_at)),
      h('td', { class: 'path', title: each.path }, each.path),
      h('td', { class: 'remote_address' }, each.remote_address),
      h('td', { class: 'groups' }, each.groups.slice(0, TAGS).map(name => h('span', { class: 'tag', title: name }, name)), each.groups.length > TAGS ? `+${count(each.groups.length - TAGS)}` : null),
      h('td', { class: 'number messages_in' }, count(each.messages_in)),
      h('td', { class: 'number messages_out' }, count(each.messages_out)),
      h('td', { class: `number bytes_waiting_out ${each.bytes_waiting_out ? 'warn' : ''}` }, bytes(each.bytes_waiting_in + each.bytes_waiting_out || null) || '–'),
      h('td', { class: 'number last_active_at' }, `${ago(each.last_active_at)} ago`))
  }
}

/** Make the box that sends a message to `path`; `said(answer)` puts what came of it in words. */
export function pushBox(path, said) {
  const area = h('textarea', { class: 'code', rows: '3', spellcheck: 'false', placeholder: 'A message to push', 'aria-label': 'Message to push' })
  const binary = h('input', { type: 'checkbox' })
  const result = h('p', { class: 'result', role: 'status' })
  const command = () => curl(['-X', 'PUT', ...(binary.checked ? ["-H 'Content-Type: application/octet-stream'"] : []), '--data-raw', `'${(area.value || 'hello').replaceAll("'", "'\\''")}'`, ORIGIN + path])
  const form = h('form', {
    class: 'pushbox',
    onsubmit: async event => {
      event.preventDefault()
      const headers = { 'Content-Type': binary.checked ? 'application/octet-stream' : 'text/plain' }
      await told(result, async () => said(await json('PUT', path, { body: area.value, headers })))
    },
  },
  area,
  h('div', { class: 'actions' },
    h('button', { type: 'submit', class: 'button primary' }, 'Push'),
    h('label', { class: 'check' }, binary, 'binary'),
    copyButton('Copy as curl', command, true)),
  result)
  area.addEventListener('keydown', event => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit()
  })
  return form
}

/** Make the form that closes what is at `path`, with a code and a reason; with a `confirmation` it asks once more. */
export function closeForm(path, label, said, confirmation = null) {
  let sure = confirmation === null
  const button = h('button', { type: 'submit', class: 'button danger', onblur: () => ask(confirmation === null) }, label)
  const ask = known => {
    sure = known
    button.textContent = known && confirmation !== null ? confirmation : label
  }
  const code = h('input', { type: 'number', min: '1000', max: '4999', value: '1000', 'aria-label': 'Close code', class: 'short' })
  const reason = h('input', { type: 'text', maxlength: '123', placeholder: 'Reason (may be empty)', 'aria-label': 'Reason' })
  const result = h('p', { class: 'result', role: 'status' })
  return h('form', {
    class: 'closeform',
    onsubmit: async event => {
      event.preventDefault()
      if (!sure) {
        ask(true)
        return
      }
      ask(confirmation === null)
      const query = new URLSearchParams({ code: code.value, ...(reason.value ? { reason: reason.value } : {}) })
      await told(result, async () => said(await json('DELETE', `${path}?${query}`)))
    },
  }, h('div', { class: 'inline' }, code, reason, button), result)
}

/** Show in words what came of an action, or why it failed. */
export async function told(result, action) {
  result.className = 'result'
  try {
    result.textContent = await action()
  } catch (error) {
    result.className = 'result failed'
    result.textContent = error instanceof ApiError && error.status === 404 ? 'The connection is over.' : error.message
  }
}

/** Show what is known of one connection, and what can be done with it. */
export async function connectionDetail(root, id, { onEvents, onGroup }) {
  root.scrollTop = 0
  const heading = h('div', { class: 'title' }, h('h2', { tabindex: '-1' }, 'Connection'), h('code', { class: 'faint' }, shortId(id)))
  let facts
  try {
    facts = await json('GET', `/${id}`)
  } catch (error) {
    replace(root, heading, h('p', { class: 'hint' }, error instanceof ApiError && error.status === 404 ? 'This connection is over.' : error.message),
      h('div', { class: 'actions' }, h('button', { type: 'button', class: 'button', onclick: () => onEvents(id) }, icon('events'), 'Show its events')))
    return
  }
  const rows = [
    ['Id', id, true], ['State', facts.state], ['Connected', `${clock(facts.connected_at)}, ${ago(facts.connected_at)} ago`],
    ['Last seen', `${ago(facts.last_active_at)} ago`], ['Path', facts.path], ['Address', facts.remote_address],
    ['User agent', facts.user_agent], ['Subprotocol', facts.subprotocol],
    ['In', `${count(facts.messages_in)} messages, ${bytes(facts.bytes_in)}`], ['Out', `${count(facts.messages_out)} messages, ${bytes(facts.bytes_out)}`],
    ['Waiting', facts.bytes_waiting_in + facts.bytes_waiting_out ? `${bytes(facts.bytes_waiting_in)} for the backend, ${bytes(facts.bytes_waiting_out)} for the client` : null],
  ].filter(([, value]) => value)
  replace(root, heading,
    h('div', { class: 'actions' }, h('button', { type: 'button', class: 'button', onclick: () => onEvents(id) }, icon('events'), 'Show its events')),
    h('section', { class: 'part' }, h('h3', null, 'Push'), pushBox(`/${id}`, answer => (answer.code === 'OK' ? 'Sent.' : `${answer.code}.`))),
    h('section', { class: 'part' }, h('h3', null, 'Facts'), h('dl', { class: 'facts' }, rows.map(([name, value, copied]) => h('div', null,
      h('dt', null, name), h('dd', null, h('span', null, value), copied && copyButton(`Copy: ${name.toLowerCase()}`, () => value)))))),
    groupsOf(id, facts.groups, onGroup, () => connectionDetail(root, id, { onEvents, onGroup })),
    h('section', { class: 'part' }, h('h3', null, 'Close'), closeForm(`/${id}`, 'Close', () => 'Closed.')))
}

function groupsOf(id, groups, onGroup, reload) {
  const name = h('input', { type: 'text', placeholder: 'Name of a group', 'aria-label': 'Name of a group to join', required: true })
  const result = h('p', { class: 'result', role: 'status' })
  const member = (group, method) => told(result, async () => {
    await request(method, `/groups/${encodeURIComponent(group)}/${id}`)
    await reload()
    return ''
  })
  const tags = groups.map(group => h('li', { class: 'tag' }, h('button', { type: 'button', class: 'plain', onclick: () => onGroup(group) }, group),
    h('button', { type: 'button', class: 'plain', title: `Leave ${group}`, onclick: () => member(group, 'DELETE') }, icon('close'), h('span', { class: 'unseen' }, `Leave ${group}`))))
  return h('section', { class: 'part' }, h('h3', null, 'Groups'),
    groups.length ? h('ul', { class: 'tags' }, tags) : h('p', { class: 'faint' }, 'In none.'),
    h('form', { class: 'inline', onsubmit: event => { event.preventDefault(); member(name.value, 'PUT') } }, name, h('button', { type: 'submit', class: 'button' }, 'Join')), result)
}

