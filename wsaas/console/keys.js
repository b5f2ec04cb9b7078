// The keys. They are quiet while a person types, and can be turned off, since a voice program may "type" them.

import { h, icon } from './dom.js'

const KEY = 'wsaas-keys'
const KEYS = [
  [['/'], 'Filter the events'],
  [['j', 'k'], 'Next and previous event'],
  [['r'], 'Replay the event'],
  [['p'], 'Pause and go on'],
  [['c'], 'Open the client'],
  [['1', '2', '3', '4'], 'Events, connections, groups, cluster'],
  [['?'], 'This help'],
  [['Esc'], 'Leave what is open'],
]
const FILTERS = [
  ['event:message,retry', 'kinds of events'],
  ['status:5xx', 'a status or a class of them; error: no answer'],
  ['id:…', 'a connection, or a part of its id'],
  ['group:room:7', 'the connections of a group'],
  ['-event:reply', 'all but these'],
  ['"any text"', 'what stands anywhere in an event'],
]

function enabled() {
  return localStorage.getItem(KEY) !== 'off'
}

/** Call an action for its key, and `escape` for Esc. */
export function installKeys(actions, escape) {
  document.addEventListener('keydown', event => {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return
    if (document.querySelector('dialog[open]')) return
    if (event.key === 'Escape') {
      escape()
      return
    }
    if (event.target.closest('input, textarea, select') || !enabled()) return
    const action = actions[event.key]
    if (action) {
      event.preventDefault()
      action()
    }
  })
}

/** Make what the help shows; `about` says which gateway this is. */
export function helpContent(about, close) {
  const on = h('input', { type: 'checkbox', id: 'keys-on', onchange: () => localStorage.setItem(KEY, on.checked ? 'on' : 'off') })
  on.checked = enabled()
  return [
    h('div', { class: 'panes' }, h('h2', { id: 'help-title' }, 'Keys and filters'),
      h('button', { type: 'button', class: 'plain', title: 'Close (Esc)', onclick: close }, icon('close'), h('span', { class: 'unseen' }, 'Close'))),
    h('dl', { class: 'keys' }, KEYS.map(([keys, words]) => h('div', null, h('dt', null, keys.map(key => h('kbd', null, key))), h('dd', null, words)))),
    h('label', { class: 'check' }, on, 'Keys of one letter'),
    h('h3', null, 'In the filter'),
    h('dl', { class: 'keys filters' }, FILTERS.map(([term, words]) => h('div', null, h('dt', null, h('code', null, term)), h('dd', null, words)))),
    h('p', { class: 'faint' }, about),
  ]
}
