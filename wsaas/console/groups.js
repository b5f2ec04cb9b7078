// The groups, how many members each has, and for one of them a box to push, its members, and its end.

import { ORIGIN, curl, json } from './api.js'
import { h, icon, replace, snippet } from './dom.js'
import { count, plural, shortId } from './format.js'
import { closeForm, pushBox } from './connections.js'
import { Table } from './table.js'

const MEMBERS = 50

export class Groups extends Table {
  constructor(root, { onOpen }) {
    const heads = [h('th', { scope: 'col' }, 'Group'), h('th', { scope: 'col', class: 'number' }, 'Members')]
    super(root, { name: 'groups', placeholder: 'Find a group', heads })
    this.onOpen = onOpen
    this.chosen = null
    this.page = { count: 0, groups: [] }
  }

  async load() {
    this.page = await json('GET', '/groups?limit=1000')
    this.draw()
  }

  draw() {
    const shown = this.page.groups.filter(each => each.name.toLowerCase().includes(this.words))
    this.info.textContent = this.page.count > this.page.groups.length ? `the first ${count(this.page.groups.length)} of ${count(this.page.count)}` : plural(this.page.count, 'group')
    const rows = shown.map(each => h('tr', { class: each.name === this.chosen ? 'chosen' : null, onclick: () => this.open(each.name) },
      h('th', { scope: 'row', class: 'name' }, h('button', { type: 'button', class: 'rowlink' }, each.name)), h('td', { class: 'number' }, count(each.members))))
    this.show(rows, () => [
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
