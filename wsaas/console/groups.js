// The groups, how many members each has, and for one of them a box to push, its members, and its end.

import { ORIGIN, curl, json } from './api.js'
import { h, icon, replace, snippet } from './dom.js'
import { count, plural, shortId } from './format.js'
import { closeForm, pushBox } from './connections.js'

const EVERY = 5000
const MEMBERS = 50

export class Groups {
  constructor(root, { onOpen }) {
    this.onOpen = onOpen
    this.chosen = null
    this.timer = null
    this.after = []
    this.info = h('span', { class: 'faint' })
    this.search = h('input', { type: 'search', class: 'filter', placeholder: 'Find a group', 'aria-label': 'Find groups' })
    this.search.addEventListener('input', () => this.draw())
    this.body = h('tbody')
    this.table = h('table', { class: 'table', 'aria-label': 'Groups' },
      h('thead', null, h('tr', null, h('th', { scope: 'col' }, 'Group'), h('th', { scope: 'col', class: 'number' }, 'Members'))), this.body)
    this.empty = h('div', { class: 'empty', hidden: true })
    root.append(h('div', { class: 'toolbar' }, h('div', { class: 'filterbox' }, icon('search'), this.search), this.info),
      h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Table of groups' }, this.table, this.empty))
    this.page = { count: 0, groups: [] }
  }

  start() {
    this.stop()
    const again = async () => {
      if (!document.hidden) await this.load().catch(() => {})
      if (this.timer !== null) this.timer = setTimeout(again, EVERY)
    }
    this.timer = setTimeout(again, 0)
  }

  stop() {
    clearTimeout(this.timer)
    this.timer = null
  }

  async load() {
    this.page = await json('GET', '/groups?limit=1000')
    this.draw()
  }

  draw() {
    const words = this.search.value.trim().toLowerCase()
    const shown = this.page.groups.filter(each => each.name.toLowerCase().includes(words))
    replace(this.body, shown.map(each => h('tr', { class: each.name === this.chosen ? 'chosen' : null, onclick: () => this.open(each.name) },
      h('th', { scope: 'row' }, h('button', { type: 'button', class: 'rowlink' }, each.name)), h('td', { class: 'number' }, count(each.members)))))
    this.info.textContent = this.page.count > this.page.groups.length ? `the first ${count(this.page.groups.length)} of ${count(this.page.count)}` : plural(this.page.count, 'group')
    this.table.hidden = shown.length === 0
    this.empty.hidden = shown.length > 0
    if (shown.length) return
    replace(this.empty, words ? [h('h2', null, 'No group matches'), h('p', null, 'Clear the box above to see all of them.')] : [
      h('h2', null, 'No groups yet'),
      h('p', null, 'A group exists while it has members. A backend adds a client by "groups" in its answer to the connect webhook, or at any time:'),
      snippet(curl(['-X', 'PUT', `${ORIGIN}/groups/room:7/{id}`])),
    ])
  }

  open(name) {
    this.chosen = name
    this.draw()
    this.onOpen(name)
  }
}

/** Show one group, and what can be done with it. */
export async function groupDetail(root, name, { onConnection, onEvents }) {
  root.scrollTop = 0
  const path = `/groups/${encodeURIComponent(name)}`
  const page = await json('GET', `${path}?limit=${MEMBERS}`)
  const members = page.members.map(id => h('li', null, h('button', { type: 'button', class: 'idlink', title: id, onclick: () => onConnection(id) }, shortId(id))))
  const more = page.count > members.length ? h('p', { class: 'faint' }, `and ${count(page.count - members.length)} more`) : null
  replace(root,
    h('div', { class: 'title' }, h('h2', { tabindex: '-1' }, name), h('span', { class: 'faint' }, plural(page.count, 'member'))),
    h('div', { class: 'actions' }, h('button', { type: 'button', class: 'button', onclick: () => onEvents(name) }, icon('events'), 'Show its events')),
    h('section', { class: 'part' }, h('h3', null, 'Push to all members'), pushBox(path, answer => `${reached(answer, 'sent')}${answer.skipped ? `, ${count(answer.skipped)} skipped` : ''}.`)),
    h('section', { class: 'part' }, h('h3', null, 'Members'), members.length ? h('ul', { class: 'members' }, members) : h('p', { class: 'faint' }, 'None any more.'), more),
    h('section', { class: 'part' }, h('h3', null, 'Close all members'), closeForm(path, 'Close all', answer => `${reached(answer, 'closed')}.`, `Close all ${count(page.count)}?`)))
}

function reached(answer, name) {
  const unreached = answer.unreached ? `; ${plural(answer.unreached, 'worker')} did not answer` : ''
  return `${name === 'sent' ? 'Sent to' : 'Closed'} ${plural(answer[name], 'client')}${unreached}`
}
