// One client of the page's own: its connection, what it has said and heard, and why it was refused.

import { announce, h, replace } from './dom.js'
import { closeCode, refusal } from './explain.js'
import { bytes, clock, hex, milliseconds, prettyJson } from './format.js'

const KEPT = 300 // frames of one connection
const SHOWN = 2000 // characters of one frame
const ONE_LINE = 80 // characters of JSON that stay as they are; longer ones get indents
const CLAIM = 1500 // ms around a handshake in which an event of its path is taken for its own
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

export class Session {
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
    this.answer = null
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
      this.id && [' · ', h('button', { type: 'button', class: 'link', onclick: () => this.client.onId(this.id) }, 'show its events')],
      this.answered())
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
    if (event.event === 'connect' && this.answer !== null) return false
    const until = (this.openedAt > this.began ? this.openedAt : Date.now()) + CLAIM
    const at = Date.parse(event.time)
    if (at < this.began - CLAIM || at > until) return false
    return event.event === 'connect' || this.state !== 'open'
  }

  told(event) {
    if (event.event === 'refusal') {
      this.why = event
      if (this.state === 'closed') this.showRefusal()
    } else {
      this.answer = event
      if (event.outcome === 'accepted') this.id = event.id
      if (this.state === 'open') this.showOpen()
    }
  }

  showRefusal() {
    const words = refusal(this.why) || this.why.message
    this.say('bad', h('b', null, `Refused: ${this.why.status} ${this.why.code ?? ''}`), h('br'), words, this.answered())
  }

  /** Show what the backend answered to the connect webhook, as far as the stream says. */
  answered() {
    if (!this.answer) return null
    const { status, error, answer, times } = this.answer
    const took = times?.total ? ` in ${milliseconds(times.total)}` : ''
    const body = answer?.body ? [': ', h('code', null, answer.body.slice(0, 300))] : ''
    return h('span', { class: 'told', title: answer?.body ?? null }, status === null ? `The backend did not answer: ${error ?? 'no answer came'}` : `The backend answered ${status}${took}`, body)
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
    const long = typeof data === 'string' && text.length > ONE_LINE ? prettyJson(text) : null
    const shown = text.length > SHOWN ? `${text.slice(0, SHOWN)} …` : long ?? text
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
