// Shows one event: what it means, its times, its request and answer, its retries; and what can be done with it.

import { ORIGIN, curl, json } from './api.js'
import { answerView, bodyView, headerPairs, requestView } from './bodies.js'
import { diffView, eventDiff } from './compare.js'
import { announce, copyButton, h, icon, replace, snippet } from './dom.js'
import { explain } from './explain.js'
import { bodyText, bytes, clock, count, milliseconds, quoted } from './format.js'
import { direction, isWebhook, judge, methodOf, nameOf, statusText } from './model.js'

const STAGES = [['queue', 'Queue'], ['connect', 'Connect'], ['first_byte', 'First byte'], ['rest', 'Rest']]
// Headers that a copied command leaves out: curl writes some itself, and the values of others are hidden.
const LEFT_OUT = /^(authorization|cookie|proxy-authorization|x-api-key|webhook-signature|content-length|host|user-agent|accept|accept-encoding|connection)$/i

export class Detail {
  /** `related(event)` are the attempts of the same webhook; `onId(id)` shows one connection's events only. */
  constructor(root, { related, onId, onConnection }) {
    this.root = root
    this.related = related
    this.onId = onId
    this.onConnection = onConnection
    this.event = null
    this.base = null // the event that the next chosen one is compared with
    this.payloads = true
    this.replays = new Map() // answers to replays, by webhook-id: of the event shown only
    this.show(null)
  }

  /** Show an event. With a base of the same kind, show how they differ instead. */
  show(event) {
    if (this.event?.webhook_id !== event?.webhook_id) this.replays.clear()
    this.event = event
    this.attempts = event === null ? 0 : this.related(event).length
    if (event === null) {
      replace(this.root, h('div', { class: 'empty' }, h('h2', null, 'Nothing is chosen'),
        h('p', null, 'Choose an event, a connection or a group to see it here. The keys j and k go through the events.')))
      return
    }
    const comparing = this.base !== null && this.base.seq !== event.seq
    replace(this.root, this.title(event), comparing ? this.comparison(event) : this.content(event))
    this.root.scrollTop = 0
  }

  /** Show what has come of the same webhook since. Called once a frame, so it looks before it works. */
  refresh() {
    if (this.event !== null && this.base === null && !this.editor?.isConnected && this.related(this.event).length !== this.attempts) {
      const top = this.root.scrollTop
      this.show(this.event)
      this.root.scrollTop = top
    }
  }

  title(event) {
    const status = statusText(event)
    const method = methodOf(event)
    const shown = [method, status].filter(Boolean).join(' ')
    return h('div', { class: 'title' },
      h('h2', { tabindex: '-1' }, h('span', { class: 'direction', 'aria-hidden': 'true' }, direction(event)), nameOf(event)),
      shown && h('span', { class: `chip ${judge(event)}` }, judge(event) === 'bad' ? '✕ ' : '', shown),
      h('time', { class: 'faint', datetime: event.time }, clock(event.time)))
  }

  content(event) {
    const words = explain(event)
    const verdict = judge(event)
    return [
      words && verdict !== 'ok' && h('div', { class: `why ${verdict}` }, h('b', null, whyTitle(event)), h('p', null, sentence(words)),
        event.message && event.message !== words && h('p', { class: 'said' }, event.message),
        event.error && h('p', { class: 'said' }, event.error)),
      this.actions(event),
      words && verdict === 'ok' && h('p', { class: 'meaning' }, sentence(words)),
      this.replays.get(event.webhook_id),
      this.retries(event),
      this.recorded(event),
      timing(event.times),
      facts(event, this.onConnection),
    ]
  }

  actions(event) {
    const buttons = []
    if (isWebhook(event) && event.request) {
      buttons.push(
        h('button', { type: 'button', class: 'button primary', onclick: () => this.replay(), title: 'Send this webhook again (r)' }, icon('replay'), 'Replay'),
        h('button', { type: 'button', class: 'button', onclick: () => this.edit() }, icon('edit'), 'Edit and replay'),
        h('button', { type: 'button', class: 'button', onclick: () => this.compare(event) }, icon('diff'), 'Compare'))
    }
    const command = asCurl(event)
    if (command) buttons.push(copyButton('Copy as curl', () => command, true))
    return buttons.length ? h('div', { class: 'actions' }, buttons) : null
  }

  recorded(event) {
    if (event.request) return [requestView(event.request), event.answer ? answerView(event.answer) : noAnswer(event)]
    if (event.body !== undefined || event.body_base64 !== undefined) {
      return h('section', { class: 'part' }, h('h3', null, 'Message'), bodyView(event, 'Message'))
    }
    if (!isWebhook(event) || this.payloads) return null
    return h('section', { class: 'part hint' },
      h('h3', null, 'Bodies are not recorded'),
      h('p', null, 'To see requests and answers here, and to replay them, start the gateway with this setting:'),
      snippet('CONSOLE=payloads', 'Copy this setting'))
  }

  retries(event) {
    const attempts = this.related(event)
    if (attempts.length < 2) return null
    const rows = attempts.map(each => h('li', { class: each.seq === event.seq ? 'chosen' : null },
      h('span', { class: `mark ${judge(each)}`, 'aria-hidden': 'true' }, judge(each) === 'ok' ? '✓' : '✕'),
      h('span', null, `Try ${each.attempt ?? 1}`), h('span', { class: 'figure' }, statusText(each)),
      h('span', { class: 'figure' }, milliseconds(each.times?.total)),
      h('span', { class: 'faint' }, each.retry_in !== undefined ? `again in ${milliseconds(each.retry_in)}` : '', each.error && !each.retry_in ? each.error : ''),
      h('time', { class: 'faint', datetime: each.time }, clock(each.time))))
    return h('section', { class: 'part' }, h('h3', null, 'Tries'), h('ol', { class: 'attempts' }, rows))
  }

  /** Send the event's webhook again, as it was or with another body. */
  async replay(body) {
    const event = this.event
    if (!event || !isWebhook(event)) return
    if (!event.request) {
      announce('This event cannot be replayed: bodies are not recorded')
      return
    }
    const options = body === undefined ? {} : { body: JSON.stringify({ body }), headers: { 'Content-Type': 'application/json' } }
    let shown
    try {
      const answer = await json('POST', `/-/events/${encodeURIComponent(event.webhook_id)}/replay`, options)
      announce(`Replayed: the backend answered ${answer.status}`)
      shown = [
        answerView(answer, 'Answer to the replay', milliseconds(answer.times?.total)),
        event.answer && diffView('Compared with the first answer', event.answer, answer),
        h('p', { class: 'faint' }, 'An answer to a replay is shown only: nothing was sent to the client.'),
      ]
    } catch (error) {
      announce('Not replayed')
      shown = h('p', { class: 'failed' }, `Not replayed: ${error.message}`)
    }
    const section = h('div', { class: 'replayed' }, shown)
    this.replays.set(event.webhook_id, section)
    if (this.event === event) {
      this.show(event)
    }
  }

  /** Show the body in a box in which it can be changed before it is sent again: all of it, not the part that is shown. */
  async edit() {
    const event = this.event
    let text = bodyText(event.request)
    if (text !== null && event.request.size > new Blob([text]).size) {
      try {
        text = (await json('GET', `/-/events/${encodeURIComponent(event.webhook_id)}`)).body ?? null
      } catch (error) {
        this.replays.set(event.webhook_id, h('div', { class: 'replayed' }, h('p', { class: 'failed' }, `Not editable: ${error.message}`)))
        if (this.event === event) this.show(event)
        return
      }
      if (this.event !== event) return
    }
    const area = h('textarea', { class: 'code', rows: '10', spellcheck: 'false', id: 'edited-body' })
    area.value = text ?? ''
    const send = () => this.replay(area.value)
    this.editor = h('form', {
      class: 'part editor',
      onsubmit: event => {
        event.preventDefault()
        this.editor.remove()
        send()
      },
    },
    h('label', { for: 'edited-body' }, text === null ? 'Body (the recorded one is not text)' : 'Body'),
    area,
    h('div', { class: 'actions' },
      h('button', { type: 'submit', class: 'button primary' }, icon('replay'), 'Send'),
      h('button', { type: 'button', class: 'button', onclick: () => this.editor.remove() }, 'Cancel')))
    area.addEventListener('keydown', event => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) this.editor.requestSubmit()
    })
    this.root.querySelector('.editor')?.remove()
    this.root.querySelector('.actions').after(this.editor)
    area.focus()
  }

  /** Keep this event as the one with which the next chosen one is compared. */
  compare(event) {
    this.base = event
    announce('Choose another event to compare')
    this.show(event)
    this.root.querySelector('.actions')?.replaceWith(this.comparing(event, 'Choose another event in the list: it is compared with this one.'))
  }

  comparing(event, text) {
    return h('div', { class: 'comparing' }, h('p', null, text),
      h('button', { type: 'button', class: 'button', onclick: () => this.stopComparing() }, 'Stop comparing'))
  }

  comparison(event) {
    const differ = this.base.event !== event.event ? `A ${nameOf(this.base)} and a ${nameOf(event)}.` : `Compared with the ${nameOf(this.base)} of ${clock(this.base.time)}.`
    return [this.comparing(event, differ), eventDiff(this.base, event)]
  }

  /** Stop comparing; says if it was. */
  stopComparing() {
    const was = this.base !== null
    this.base = null
    if (was && this.event) this.show(this.event)
    return was
  }
}

function whyTitle(event) {
  if (event.event === 'refusal') return 'Why the client was refused'
  if (event.event === 'close' || event.event === 'disconnect') return 'Why it ended'
  return 'What this means'
}

function sentence(words) {
  return words.charAt(0).toUpperCase() + words.slice(1) + (/[.!?]$/.test(words) ? '' : '.')
}

function noAnswer(event) {
  return h('section', { class: 'part' }, h('h3', null, 'Answer'), h('p', { class: 'faint' }, event.error ?? 'None came.'))
}

/** Show where the time went: a bar in parts, and each part with its figure. */
function timing(times) {
  if (!times || !times.total) return null
  const { queue = 0, connect = 0, first_byte: firstByte = 0, total } = times
  const values = { queue, connect, first_byte: firstByte, rest: Math.max(0, total - queue - connect - firstByte) }
  const bar = h('div', { class: 'timebar', 'aria-hidden': 'true' })
  const legend = h('dl', { class: 'times' })
  for (const [name, label] of STAGES) {
    if (values[name] > 0) {
      const part = h('span', { class: `stage ${name}` })
      part.style.flexGrow = values[name]
      bar.append(part)
    }
    legend.append(h('div', null, h('dt', null, h('span', { class: `key ${name}` }), label), h('dd', null, values[name] ? milliseconds(values[name]) : '–')))
  }
  legend.append(h('div', { class: 'total' }, h('dt', null, 'Total'), h('dd', null, milliseconds(total))))
  return h('section', { class: 'part' }, h('h3', null, 'Time'), bar, legend)
}

function facts(event, onConnection) {
  const rows = [
    ['Connection', event.id], ['Path', event.path], ['Address', event.remote_address], ['Group', event.group], ['Cause', event.cause],
    ['Closed', event.close_code && `${event.close_code} ${event.close_reason ?? ''}`], ['Sent', event.sent !== undefined && count(event.sent)],
    ['Skipped', event.skipped !== undefined && count(event.skipped)], ['Code', event.code], ['Outcome', event.outcome],
    ['Size', event.bytes !== undefined && bytes(event.bytes)], ['Answer', event.answer_bytes !== undefined && bytes(event.answer_bytes)],
    ['Webhook', event.webhook_id], ['Trace', event.trace], ['Worker', event.worker], ['Node', event.node],
  ].filter(([, value]) => value)
  const copied = new Set(['Connection', 'Webhook', 'Trace'])
  const shown = (name, value) => (name === 'Connection'
    ? h('button', { type: 'button', class: 'link', title: 'Show this connection', onclick: () => onConnection(value) }, value)
    : h('span', null, value))
  const list = h('dl', { class: 'facts' }, rows.map(([name, value]) => h('div', null, h('dt', null, name),
    h('dd', null, shown(name, value), copied.has(name) && copyButton(`Copy: ${name.toLowerCase()}`, () => String(value))))))
  return h('section', { class: 'part' }, h('h3', null, 'Facts'), list)
}

/** Write the event as a curl command that does the same again; headers whose values are hidden are left out. */
export function asCurl(event) {
  if (event.request) {
    const { method, url, headers } = event.request
    const words = ['curl', '-X', method]
    for (const [name, value] of headerPairs(headers)) if (!LEFT_OUT.test(name)) words.push('-H', quoted(`${name}: ${value}`))
    const text = bodyText(event.request)
    if (text) words.push('--data-raw', quoted(text))
    return [...words, quoted(url)].join(' ')
  }
  const targets = { push: event.id, group_push: event.group && `groups/${encodeURIComponent(event.group)}`, broadcast: 'broadcast' }
  const target = targets[event.event]
  if (!target) return null
  const binary = event.type === 'binary' ? ['-H', quoted('Content-Type: application/octet-stream')] : []
  return curl(['-X', 'PUT', ...binary, '--data-raw', quoted(bodyText(event) ?? 'hello'), `${ORIGIN}/${target}`])
}
