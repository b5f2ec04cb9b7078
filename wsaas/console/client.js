// The client pane: several sessions, of which one is in sight.

import { h, icon, replace } from './dom.js'
import { Session } from './session.js'

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

export class Client {
  /** `onId(id)` shows the events of a connection. */
  constructor(root, { onId }) {
    this.onId = onId
    this.sessions = []
    this.url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.hostname}:8080/`
    this.tabs = h('div', { class: 'sessions', role: 'group', 'aria-label': 'Clients' })
    this.panel = h('div', { class: 'session' })
    root.append(this.tabs, this.panel)
    this.add()
  }

  /** Say where clients connect, for those that are not connected yet. */
  setDefault(where) {
    if (!where) return
    // The gateway says where a client on its own machine connects; this page may have been opened from another one.
    const target = new URL('/', where)
    if (!LOOPBACK.test(location.hostname) && LOOPBACK.test(target.hostname)) target.hostname = location.hostname
    const url = target.href
    if (url === this.url) return
    for (const session of this.sessions) if (session.url.value === this.url) session.url.value = url
    this.url = url
  }

  add() {
    const last = this.sessions.at(-1)
    const session = new Session(this, (last?.number ?? 0) + 1, last?.url.value ?? this.url)
    this.sessions.push(session)
    this.choose(session)
  }

  choose(session) {
    this.current = session
    replace(this.panel, session.element)
    session.scrollDown()
    this.drawTabs()
  }

  remove(session) {
    session.socket?.close()
    this.sessions = this.sessions.filter(each => each !== session)
    if (!this.sessions.length) this.add()
    else this.choose(this.sessions.at(-1))
  }

  drawTabs() {
    const tabs = this.sessions.map(session => h('button', {
      type: 'button', class: 'sessiontab', 'aria-pressed': String(session === this.current), onclick: () => this.choose(session),
    }, h('span', { class: `dot ${session.state}`, 'aria-hidden': 'true' }), `Client ${session.number}`, h('span', { class: 'unseen' }, `, ${session.state}`),
    session.unseen > 0 && session !== this.current ? h('span', { class: 'badge' }, String(session.unseen)) : null))
    const remove = this.sessions.length > 1
      ? h('button', { type: 'button', class: 'plain', title: `Remove client ${this.current.number}`, onclick: () => this.remove(this.current) }, icon('close'), h('span', { class: 'unseen' }, 'Remove this client'))
      : null
    replace(this.tabs, tabs, h('button', { type: 'button', class: 'plain', title: 'Another client', onclick: () => this.add() }, icon('plus'), h('span', { class: 'unseen' }, 'Another client')), h('span', { class: 'push' }), remove)
  }

  /** Hear of an event of the stream: it may tell the id of a client of ours, or why it was refused. */
  hear(event) {
    if (event.event !== 'connect' && event.event !== 'refusal') return
    const session = this.sessions.find(each => each.claims(event))
    session?.told(event)
  }

  /** Connect the client in sight, unless it is. */
  connect() {
    if (this.current.state === 'closed') this.current.connect()
  }

  focus() {
    const { element } = this.current
    element.querySelector(this.current.state === 'open' ? 'textarea' : '.connect')?.focus()
  }
}
