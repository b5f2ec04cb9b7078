// A client of the page's own: several connections at once, each with what it has said and heard.

import { announce, h, icon, replace } from './dom.js'
import { closeCode, refusal } from './explain.js'
import { bytes, clock, hex, milliseconds, prettyJson } from './format.js'

const KEPT = 300 // frames of one connection
const SHOWN = 2000 // characters of one frame
const CLAIM = 1500 // ms around a handshake in which an event of its path is taken for its own
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/
const TEMPLATES = [
  ['Greeting', 'hello'],
  ['Action', '{"action": "message", "text": "hello"}'],
  ['Chat message', '{"type": "chat", "room": "7", "text": "hello"}'],
  ['JSON-RPC call', '{"jsonrpc": "2.0", "id": 1, "method": "hello", "params": {}}'],
  ['Join the demo’s chat room', '/join'],
]

/** Write a token in the form in which a subprotocol can carry it. */
export function tokenProtocol(token) {
  const encoded = btoa(String.fromCharCode(...new TextEncoder().encode(token)))
  return `bearer.${encoded.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')}`
}

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

class Session {
  constructor(client, number, url) {
    this.client = client
    this.number = number
    this.state = 'closed'
    this.socket = null
    this.id = null
    this.unseen = 0
    this.history = []
    this.build(url)
    this.draw()
  }

  build(url) {
    const name = `client-${this.number}`
    this.url = h('input', { type: 'url', id: `${name}-url`, required: true, spellcheck: 'false', autocomplete: 'off' })
    this.url.value = url
    this.protocols = h('input', { type: 'text', id: `${name}-protocols`, placeholder: 'v1.chat, v2.chat', spellcheck: 'false', autocomplete: 'off' })
    this.token = h('input', { type: 'password', id: `${name}-token`, autocomplete: 'off', 'aria-describedby': `${name}-token-note` })
    this.button = h('button', { type: 'submit', class: 'button primary connect' }, 'Connect')
    this.more = h('details', { class: 'more-options' }, h('summary', null, 'Subprotocols and token'),
      h('label', { for: this.protocols.id }, 'Subprotocols'), this.protocols,
      h('label', { for: this.token.id }, 'Bearer token'), this.token,
      h('p', { class: 'faint', id: `${name}-token-note` }, 'A page cannot set headers on a WebSocket: the token goes as a subprotocol, which needs AUTH_SUBPROTOCOL=on.'))
    this.form = h('form', { class: 'connectform', onsubmit: event => { event.preventDefault(); this.toggle() } },
      h('label', { for: this.url.id }, 'URL'), h('div', { class: 'inline' }, this.url, this.button), this.more)
    this.status = h('p', { class: 'clientstate' })
    this.log = h('div', { class: 'frames', tabindex: '0', 'aria-label': 'Messages', role: 'log', 'aria-live': 'off' })
    this.text = h('textarea', { rows: '2', class: 'code', placeholder: matchMedia('(pointer: coarse)').matches ? 'A message' : 'A message: Enter sends it, Shift+Enter begins a line', 'aria-label': 'Message', spellcheck: 'false' })
    this.text.addEventListener('keydown', event => this.key(event))
    this.binary = h('input', { type: 'checkbox' })
    this.template = h('select', { 'aria-label': 'Templates', onchange: () => this.useTemplate() },
      h('option', { value: '' }, 'Templates'), TEMPLATES.map(([label, text]) => h('option', { value: text }, label)))
    this.send = h('button', { type: 'submit', class: 'button primary' }, 'Send')
    this.ping = h('button', { type: 'button', class: 'button', title: 'Sends the text "ping" and times the next message. Pages cannot send ping frames.', onclick: () => this.sendPing() }, 'Ping')
    this.composer = h('form', { class: 'composer', onsubmit: event => { event.preventDefault(); this.sendText() } },
      this.text, h('div', { class: 'inline' }, this.template, h('label', { class: 'check' }, this.binary, 'binary'), h('span', { class: 'push' }), this.ping, this.send))
    this.element = h('div', { class: 'sessionbody' }, this.form, this.status, this.log, this.composer)
  }

  draw() {
    const open = this.state === 'open'
    this.button.textContent = { open: 'Close', connecting: 'Cancel', closed: 'Connect' }[this.state]
    this.button.classList.toggle('primary', this.state === 'closed')
    for (const input of [this.url, this.protocols, this.token]) input.disabled = this.state !== 'closed'
    for (const control of [this.text, this.send, this.ping, this.binary, this.template]) control.disabled = !open
    this.composer.classList.toggle('idle', !open)
    this.client.drawTabs()
  }

  say(verdict, ...content) {
    this.status.className = `clientstate ${verdict}`
    replace(this.status, ...content)
  }

  toggle() {
    if (this.state === 'closed') this.connect()
    else this.socket.close(1000)
  }

  connect() {
    const offered = this.protocols.value.split(/[\s,]+/).filter(Boolean)
    if (this.token.value) offered.unshift(tokenProtocol(this.token.value))
    this.id = null
    this.why = null
    this.began = Date.now()
    let socket
    try {
      this.path = new URL(this.url.value).pathname
      socket = new WebSocket(this.url.value, offered)
    } catch (error) {
      this.say('bad', `This cannot be connected to: ${error.message}`)
      return
    }
    socket.binaryType = 'arraybuffer'
    this.socket = socket
    this.state = 'connecting'
    this.say('faint', 'Connecting: the gateway asks the backend')
    this.draw()
    socket.onopen = () => this.opened()
    socket.onmessage = message => this.heard(message.data)
    socket.onclose = closed => this.closed(closed)
  }

  opened() {
    this.state = 'open'
    this.openedAt = Date.now()
    this.draw()
    this.showOpen()
    this.text.focus()
    announce(`Client ${this.number} is connected`)
  }

  showOpen() {
    this.say('good', 'Open', this.socket.protocol && !this.socket.protocol.startsWith('bearer.') ? `, subprotocol ${this.socket.protocol}` : '',
      this.id && [' · ', h('button', { type: 'button', class: 'link', onclick: () => this.client.onId(this.id) }, 'show its events')])
  }

  closed({ code, reason }) {
    const wasOpen = this.state === 'open'
    this.state = 'closed'
    this.draw()
    const words = closeCode(code)
    if (wasOpen) {
      this.note(`closed by ${code}${reason ? ` ${reason}` : ''}${words ? `: ${words}` : ''}`)
      this.say('faint', `Closed by ${code}${reason ? ` ${reason}` : ''}`)
    } else if (this.why) this.showRefusal()
    else this.say('bad', 'Not connected. If the gateway refused it, the event with the reason comes at once; if none comes, look at the URL.')
    announce(`Client ${this.number} is closed`)
  }

  /** Say if an event of the stream is about this session's handshake. */
  claims(event) {
    if (this.began === undefined || this.id !== null || this.why !== null || event.path !== this.path) return false
    const until = (this.openedAt > this.began ? this.openedAt : Date.now()) + CLAIM
    const at = Date.parse(event.time)
    if (at < this.began - CLAIM || at > until) return false
    return event.event === 'refusal' ? this.state !== 'open' : this.state !== 'closed' && event.status >= 200 && event.status < 300
  }

  told(event) {
    if (event.event === 'refusal') {
      this.why = event
      if (this.state === 'closed') this.showRefusal()
    } else {
      this.id = event.id
      if (this.state === 'open') this.showOpen()
    }
  }

  showRefusal() {
    const words = refusal(this.why) || this.why.message
    this.say('bad', h('b', null, `Refused: ${this.why.status} ${this.why.code ?? ''}`), h('br'), words)
  }

  key(event) {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault()
      this.sendText()
    } else if (event.key === 'ArrowUp' && this.text.value === '' && this.history.length) {
      event.preventDefault()
      this.text.value = this.history.at(-1)
    }
  }

  useTemplate() {
    this.text.value = this.template.value
    this.template.value = ''
    this.text.focus()
  }

  sendText() {
    const text = this.text.value
    if (this.state !== 'open') return
    this.socket.send(this.binary.checked ? new TextEncoder().encode(text) : text)
    this.history.push(text)
    this.frame('sent', this.binary.checked ? new TextEncoder().encode(text) : text)
    this.text.value = ''
  }

  sendPing() {
    if (this.state !== 'open') return
    this.pinged = performance.now()
    this.socket.send('ping')
    this.frame('sent', 'ping')
  }

  heard(data) {
    let note = ''
    if (this.pinged !== undefined) {
      note = `after ${milliseconds(performance.now() - this.pinged)}`
      this.pinged = undefined
    }
    this.frame('received', typeof data === 'string' ? data : new Uint8Array(data), note)
    if (this.client.current !== this) {
      this.unseen++
      this.client.drawTabs()
    }
  }

  note(text) {
    this.append(h('div', { class: 'frame note' }, h('span', { class: 'text' }, text)))
  }

  frame(kind, data, note = '') {
    const text = typeof data === 'string' ? data : hex(data)
    const shown = text.length > SHOWN ? `${text.slice(0, SHOWN)} …` : (typeof data === 'string' && prettyJson(text)) || text
    const size = typeof data === 'string' ? new Blob([data]).size : data.length
    this.append(h('div', { class: `frame ${kind}` },
      h('span', { class: 'direction', 'aria-hidden': 'true' }, kind === 'sent' ? '→' : '←'),
      h('span', { class: 'unseen' }, kind === 'sent' ? 'sent' : 'received'),
      h('pre', { class: 'text' }, shown),
      h('span', { class: 'meta' }, note && h('span', { class: 'after' }, note), bytes(size), ' ', clock(new Date().toISOString()).slice(0, 8))))
  }

  append(item) {
    const atEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 40
    this.log.append(item)
    while (this.log.childElementCount > KEPT) this.log.firstElementChild.remove()
    if (atEnd) this.scrollDown()
  }

  scrollDown() {
    this.unseen = 0
    this.log.scrollTop = this.log.scrollHeight
  }
}
