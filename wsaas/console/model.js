// Says what an event is: which way it goes, how it ended, and what of it is worth a line.

import { bodyText, bytes, count, milliseconds, plural } from './format.js'

const WEBHOOKS = new Set(['connect', 'message', 'messages', 'refresh', 'disconnect', 'retry'])
const METHODS = { connect: 'POST', message: 'PUT', messages: 'PUT', refresh: 'POST', disconnect: 'DELETE' }
const NAMES = { group_push: 'group push', skipped: 'left out', lost: 'missing', found: 'found' }
// Ends of a connection that somebody wanted; all other causes are worth a look.
const WANTED_ENDS = new Set(['client', 'api', 'backend', 'drain'])
const GOOD = new Set(['accepted', 'delivered', 'acknowledged', 'sent', 'queued', 'ok'])

// Lines about the stream itself, which no filter leaves out.
const NOTES = new Set(['skipped', 'lost', 'found', 'note'])

export const GOES_TO_BACKEND = '→'
export const GOES_TO_CLIENT = '←'
const ENDS = '×'
const NOTE = '·'

/** Say if the event is a request to the backend. */
export function isWebhook(event) {
  return WEBHOOKS.has(event.event)
}

/** Say if the event is a line about the stream itself. */
export function isNote(event) {
  return NOTES.has(event.event)
}

/** Return the event's name in words. */
export function nameOf(event) {
  return NAMES[event.event] ?? event.event
}

/** Return the sign of where an event goes. */
export function direction(event) {
  if (isWebhook(event)) return GOES_TO_BACKEND
  if (event.event === 'close' || event.event === 'refusal') return ENDS
  return event.event === 'reply' || 'status' in event || 'sent' in event ? GOES_TO_CLIENT : NOTE
}

/** Return the HTTP method of a webhook. */
export function methodOf(event) {
  if (event.method) return event.method
  const kind = event.webhook_id?.split('_').pop()
  return METHODS[event.event] ?? METHODS[kind] ?? ''
}

/** Judge an event: "bad" when something failed, "warn" when it may yet be well or may be meant, else "ok". */
export function judge(event) {
  const { event: kind, status, outcome } = event
  if (kind === 'retry' || outcome === 'close_requested' || event.reply === 'unsent') return 'warn'
  if (kind === 'refusal') return 'bad'
  if (kind === 'skipped' || kind === 'lost' || kind === 'found') return 'warn'
  if (kind === 'close') return event.cause && !WANTED_ENDS.has(event.cause) ? 'warn' : 'ok'
  if (kind === 'disconnect') return GOOD.has(outcome) || (status >= 200 && status < 300) || status === 404 || status === 410 ? 'ok' : 'bad'
  if (isWebhook(event)) return status >= 200 && status < 300 && (outcome === undefined || GOOD.has(outcome)) ? 'ok' : 'bad'
  if (kind === 'push') return status >= 400 ? 'bad' : 'ok'
  return event.unreached ? 'warn' : 'ok'
}

/** Return what the status column shows. */
export function statusText(event) {
  if (event.status !== undefined && event.status !== null) return String(event.status)
  if (isWebhook(event)) return 'none'
  return event.event === 'close' && event.close_code ? String(event.close_code) : ''
}

/** Return the time that an event took in all, in ms. */
export function totalTime(event) {
  return event.times?.total ?? null
}

/** Say what of an event is worth a line. */
export function summary(event) {
  return parts(event).filter(Boolean).join('  ·  ')
}

function parts(event) {
  switch (event.event) {
    case 'connect': return [event.path, event.remote_address, event.error]
    case 'message':
    case 'messages': return [event.count > 1 && plural(event.count, 'message'), event.error, event.reply === 'unsent' && 'reply not sent', batched(event) ?? preview(event.request) ?? kindOf(event)]
    case 'refresh': return [event.error]
    case 'retry': return [event.retry_in !== undefined && `again in ${milliseconds(event.retry_in)}`, event.error]
    case 'disconnect':
    case 'close': return [event.cause, ending(event), event.error, lasted(event), event.lost_messages > 0 && `${plural(event.lost_messages, 'message')} lost`]
    case 'reply': return [preview(event) ?? kindOf(event)]
    case 'push': return [event.code !== 'OK' && event.code, preview(event) ?? kindOf(event)]
    case 'group_push':
    case 'broadcast': return [event.group, reach(event), preview(event)]
    case 'refusal': return [event.code, event.path, event.remote_address, event.message]
    case 'skipped': return [`${plural(event.count, 'event')} left out: this page could not read as fast as they came`]
    case 'lost': return [`Events of the process ${event.worker} are missing from here on: it is not heard`]
    case 'found': return [`Events of the process ${event.worker} come from here on; earlier ones are missing`]
    default: return [event.text, event.message]
  }
}

function kindOf(event) {
  return event.type === 'binary' ? 'binary' : event.type === 'text' ? 'text' : null
}

function ending(event) {
  return event.close_code ? `${event.close_code}${event.close_reason ? ` ${event.close_reason}` : ''}` : null
}

function lasted(event) {
  return event.messages_in !== undefined && `${count(event.messages_in)} in, ${count(event.messages_out)} out`
}

function reach(event) {
  const skipped = event.skipped ? `, ${count(event.skipped)} skipped` : ''
  const unreached = event.unreached ? `, ${event.unreached} not reached` : ''
  return `${count(event.sent)} sent${skipped}${unreached}`
}

const BATCHED = /\{"webhook_id":\s*"[^"]*",\s*"(text|binary)":\s*("(?:[^"\\]|\\.)*")\}/g

/** Show the messages of a batch, as far as the recorded part of it goes; null for a message by itself. */
function batched(event) {
  const text = event.request && event.webhook_id?.endsWith('_messages') ? bodyText(event.request) : null
  if (text === null) return null
  const shown = [...text.slice(0, 2000).matchAll(BATCHED)].map(([, kind, value]) => (kind === 'text' ? JSON.parse(value) : 'binary'))
  return shown.length ? shown.join(' / ').slice(0, 200).replace(/\s+/g, ' ') : null
}

function preview(part) {
  if (!part || (part.body === undefined && part.body_base64 === undefined)) return null
  const text = bodyText(part)
  return text === null ? `binary, ${bytes(part.size ?? part.bytes)}` : text.slice(0, 200).replace(/\s+/g, ' ')
}
