// Shows a request, an answer or a message: its head, and its body as JSON, as text, or as bytes.

import { copyButton, h, replace } from './dom.js'
import { bodyBytes, bodyText, bytes, hex, prettyJson } from './format.js'

const TOKENS = /("(?:\\.|[^"\\])*"(\s*:)?)|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|\b(true|false|null)\b/g

/** Mark the names, texts and numbers of indented JSON. */
function highlighted(text) {
  const parts = []
  let at = 0
  for (const match of text.matchAll(TOKENS)) {
    if (match.index > at) parts.push(text.slice(at, match.index))
    const kind = match[2] ? 'name' : match[1] ? 'text' : 'number'
    parts.push(h('span', { class: `json-${kind}` }, match[0]))
    at = match.index + match[0].length
  }
  parts.push(text.slice(at))
  return parts
}

/** Return the ways to show a body, the best one first: pairs of a name and what makes its content. */
function views(part) {
  const text = bodyText(part)
  const found = []
  const pretty = text === null ? null : prettyJson(text)
  if (pretty !== null) found.push(['JSON', () => highlighted(pretty)])
  if (text !== null) found.push(['Text', () => [text]])
  found.push(['Hex', () => [hex(bodyBytes(part))]])
  return found
}

/** Make the view of a body; its size, and how much of it was recorded. */
export function bodyView(part, label) {
  const kept = bodyBytes(part).length
  const size = part?.size ?? kept
  if (size === 0) return h('p', { class: 'empty-body' }, 'No body')
  const choices = views(part)
  const content = h('pre', { class: 'code', tabindex: '0', 'aria-label': label })
  const buttons = choices.map(([name, make]) => h('button', { type: 'button', 'aria-pressed': 'false', onclick: () => show(name, make) }, name))
  const show = (name, make) => {
    buttons.forEach(button => button.setAttribute('aria-pressed', button.textContent === name))
    replace(content, make())
  }
  show(...choices[0])
  const cut = kept < size ? `the first ${bytes(kept)} of ${bytes(size)}` : bytes(size)
  const tools = h('div', { class: 'body-tools' },
    h('span', { class: 'faint' }, cut),
    h('span', { class: 'segmented', role: 'group', 'aria-label': `${label} as` }, choices.length > 1 ? buttons : null),
    copyButton('Copy the body', () => content.textContent))
  return h('div', { class: 'body' }, tools, content)
}

/** Return headers as pairs, however they were recorded: an object, or a list of pairs. */
export function headerPairs(headers) {
  if (Array.isArray(headers)) return headers
  return Object.entries(headers ?? {}).flatMap(([name, value]) => (Array.isArray(value) ? value.map(each => [name, each]) : [[name, value]]))
}

function headerTable(headers) {
  const pairs = headerPairs(headers)
  if (!pairs.length) return null
  const rows = pairs.map(([name, value]) => [h('dt', null, name), h('dd', null, String(value))])
  return h('details', { class: 'headers' },
    h('summary', null, `Headers `, h('span', { class: 'faint' }, String(pairs.length))), h('dl', null, rows))
}

/** Make the view of a recorded request. */
export function requestView(request) {
  const line = h('p', { class: 'first-line' }, h('b', null, request.method), ' ', h('span', { class: 'url' }, request.url))
  return h('section', { class: 'part' }, h('h3', null, 'Request'), line, headerTable(request.headers), bodyView(request, 'Body of the request'))
}

/** Make the view of a recorded answer. */
export function answerView(answer, title = 'Answer', note = null) {
  const verdict = answer.status >= 200 && answer.status < 300 ? 'ok' : 'bad'
  const line = h('p', { class: 'first-line' }, h('b', { class: verdict }, answer.status), note && h('span', { class: 'faint' }, ` ${note}`))
  return h('section', { class: 'part' }, h('h3', null, title), line, headerTable(answer.headers), bodyView(answer, `Body of the ${title.toLowerCase()}`))
}
