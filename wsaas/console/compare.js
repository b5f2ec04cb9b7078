// Shows in which lines two events, or two answers, differ.

import { diff } from './diff.js'
import { h } from './dom.js'
import { bodyBytes, bodyText, clock, hex, prettyJson } from './format.js'
import { headerPairs } from './bodies.js'

const SAME_AROUND = 3 // lines that stay, shown around those that do not
// They differ on every request, and say nothing.
const ALWAYS_NEW = new Set(['date', 'webhook-timestamp', 'webhook-signature', 'traceparent'])

/** Return a body as the lines that are compared. */
export function bodyLines(part) {
  const text = bodyText(part)
  if (text === null) return hex(bodyBytes(part)).split('\n')
  return (prettyJson(text) ?? text).split('\n')
}

function headerLines(part) {
  return headerPairs(part?.headers).filter(([name]) => !ALWAYS_NEW.has(name.toLowerCase()))
    .map(([name, value]) => `${name.toLowerCase()}: ${value}`).sort()
}

function lines(part) {
  if (!part) return []
  const first = part.status !== undefined ? [`status ${part.status}`] : [`${part.method ?? ''} ${part.url ?? ''}`.trim()]
  return [...first, ...headerLines(part), '', ...bodyLines(part)]
}

/** Leave out long stretches that are the same. */
export function shortened(all) {
  const near = all.map((_, at) => all.slice(Math.max(0, at - SAME_AROUND), at + SAME_AROUND + 1).some(([sign]) => sign !== ' '))
  const shown = []
  let left = 0
  all.forEach((line, at) => {
    if (near[at]) {
      if (left) shown.push(['…', `${left} more ${left === 1 ? 'line' : 'lines'}`])
      left = 0
      shown.push(line)
    } else left++
  })
  if (left) shown.push(['…', `${left} more ${left === 1 ? 'line' : 'lines'}`])
  return shown
}

const KINDS = { '-': 'removed', '+': 'added', '…': 'left', ' ': 'same' }

/** Make the view of the difference of two requests or answers. */
export function diffView(title, before, after) {
  const found = diff(lines(before), lines(after))
  if (found.every(([sign]) => sign === ' ')) {
    return h('section', { class: 'part' }, h('h3', null, title), h('p', { class: 'faint' }, 'The same, but for times and signatures.'))
  }
  const rows = shortened(found).map(([sign, text]) => h('div', { class: KINDS[sign] },
    h('span', { class: 'sign' }, sign === ' ' ? ' ' : sign), h('span', null, text || ' ')))
  return h('section', { class: 'part' }, h('h3', null, title),
    h('div', { class: 'diff', tabindex: '0', role: 'group', 'aria-label': `${title}: what differs` }, rows))
}

/** Make the view of what differs between two events. */
export function eventDiff(before, after) {
  const legend = h('p', { class: 'legend' },
    h('span', { class: 'removed' }, `− ${clock(before.time)}`), ' ', h('span', { class: 'added' }, `+ ${clock(after.time)}`))
  return [legend, diffView('Request', before.request, after.request), diffView('Answer', before.answer, after.answer)]
}
