// Puts the page together: who hears of what, what the keys do, and which view is in sight.

import { ApiError, ORIGIN, curl, onTokenNeeded } from './api.js'
import { Client } from './client.js'
import { Cluster } from './cluster.js'
import { Connections, connectionDetail } from './connections.js'
import { Detail } from './detail.js'
import { announce, h, icon, replace, snippet, write } from './dom.js'
import { Events } from './events.js'
import { load as loadSentences } from './explain.js'
import { clock, duration, milliseconds } from './format.js'
import { Groups, groupDetail } from './groups.js'
import { installKeys, helpContent } from './keys.js'
import { Stream } from './stream.js'
import { Tiles } from './tiles.js'

const VIEWS = [
  ['events', 'Events'], ['connections', 'Connections'], ['groups', 'Groups'], ['cluster', 'Cluster'],
]
const NARROW = matchMedia('(max-width: 1019px)')
const byId = id => document.getElementById(id)

// The token

onTokenNeeded(wrong => new Promise(resolve => {
  const dialog = byId('token-dialog')
  const input = byId('token-input')
  byId('token-wrong').hidden = !wrong
  input.value = ''
  dialog.addEventListener('cancel', event => event.preventDefault())
  byId('token-form').onsubmit = () => resolve(input.value.trim())
  dialog.showModal()
}))

// The pane on the right: details, or the client

const tabs = { detail: byId('tab-detail'), client: byId('tab-client') }

function showPane(name, open = true) {
  for (const [each, tab] of Object.entries(tabs)) {
    tab.setAttribute('aria-selected', each === name)
    tab.tabIndex = each === name ? 0 : -1
    byId(`pane-${each}`).hidden = each !== name
  }
  byId('inspector').classList.toggle('open', open)
  drawViews()
}

function closeInspector() {
  byId('inspector').classList.remove('open')
  drawViews()
}

for (const [name, tab] of Object.entries(tabs)) {
  tab.addEventListener('click', () => showPane(name))
  tab.addEventListener('keydown', event => {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return
    const other = name === 'detail' ? 'client' : 'detail'
    showPane(other)
    tabs[other].focus()
  })
}
const closing = byId('close-inspector')
closing.append(icon('close'), h('span', { class: 'unseen' }, 'Close'))
closing.addEventListener('click', () => {
  closeInspector()
  events.list.grid.focus()
})

// The views

let view = 'events'

function drawViews() {
  const links = VIEWS.map(([name, label]) => h('a', { href: `#${name}`, 'aria-current': view === name && !clientOnTop() ? 'page' : null }, icon(name), label))
  const client = h('button', { type: 'button', class: 'clientlink', 'aria-pressed': String(clientOnTop()), onclick: () => (clientOnTop() ? closeInspector() : openClient()) }, icon('client'), 'Client')
  replace(byId('views'), links, client)
}

function clientOnTop() {
  return NARROW.matches && byId('inspector').classList.contains('open') && !byId('pane-client').hidden
}

function openClient() {
  showPane('client')
  client.focus()
}

/** Connect a client where clients connect: the first thing that a newcomer does here. */
function connectClient() {
  showPane('client')
  client.connect()
}

function showView() {
  const name = location.hash.slice(1)
  view = VIEWS.some(([each]) => each === name) ? name : 'events'
  for (const [each] of VIEWS) byId(`view-${each}`).hidden = each !== view
  for (const [each, table] of Object.entries({ connections, groups, cluster })) {
    if (each === view) table.start()
    else table.stop()
  }
  if (NARROW.matches) byId('inspector').classList.remove('open')
  if (view === 'events') events.list.measure()
  drawViews()
  document.title = view === 'events' ? 'WSAAS console' : `${VIEWS.find(([each]) => each === view)[1]} – WSAAS console`
}

/** Go to the events, of those only that pass a filter. */
function showEvents(filter) {
  events.setFilter(filter)
  if (view !== 'events') location.hash = 'events'
  else if (NARROW.matches) closeInspector()
}

function openConnection(id) {
  detail.show(null)
  showPane('detail')
  connectionDetail(byId('pane-detail'), id, { onEvents: each => showEvents(`id:${each}`), onGroup: openGroup })
}

function openGroup(name) {
  detail.show(null)
  showPane('detail')
  groupDetail(byId('pane-detail'), name, { onConnection: openConnection, onEvents: each => showEvents(`group:${/\s/.test(each) ? `"${each}"` : each}`) })
}

function noConnections() {
  return [
    h('h2', null, 'No client is connected'),
    h('p', null, 'Connect one of this page, or from a terminal:'),
    h('div', { class: 'actions' }, h('button', { type: 'button', class: 'button primary', onclick: connectClient }, icon('client'), 'Connect a client')),
    snippet(`wsaas connect ${client.url}`),
  ]
}

function noEvents() {
  return [
    h('h2', null, 'Nothing has happened yet'),
    h('p', null, 'Whatever clients and the backend do is listed here as it happens. Begin with a client of this page:'),
    h('div', { class: 'actions' }, h('button', { type: 'button', class: 'button primary', onclick: connectClient }, icon('client'), 'Connect a client')),
    h('p', null, 'Or connect from a terminal, and push to all clients from another:'),
    snippet(`wsaas connect ${client.url}`),
    snippet(curl(['-X', 'PUT', '-d', 'hello', `${ORIGIN}/broadcast`])),
  ]
}

// The parts

const detail = new Detail(byId('pane-detail'), {
  related: event => events.related(event),
  onId: id => showEvents(`id:${id}`),
  onConnection: openConnection,
})
const client = new Client(byId('pane-client'), { onId: id => showEvents(`id:${id}`) })
const events = new Events({
  emptyHint: noEvents,
  onSelect: event => {
    detail.show(event)
    if (event !== null) showPane('detail')
  },
  onOpen: () => byId('pane-detail').querySelector('h2').focus(),
  onDrawn: () => detail.refresh(),
  onNarrow: query => stream.start(query),
})
const connections = new Connections(byId('view-connections'), { onOpen: openConnection, emptyHint: noConnections })
const groups = new Groups(byId('view-groups'), { onOpen: openGroup })
const cluster = new Cluster(byId('view-cluster'))
const tiles = new Tiles(byId('tiles'), (state, uptime) => {
  gateway = state
  started = uptime === null ? null : Date.now() - uptime * 1000
  drawState()
})

// The state, in words

const LIVE = { ready: ['good', 'Ready'], unready: ['warn', 'Not ready'], draining: ['warn', 'Draining'], silent: ['bad', 'Not answering'] }
let gateway = 'ready'
let connected = 'connecting'
let started = null
let refusedBecause = ''
let waitingBecause = ''
let hello = {} // the first line of the stream

function drawState() {
  const [verdict, words] = {
    live: LIVE[gateway],
    connecting: ['faint', 'Connecting'],
    waiting: ['bad', waitingBecause],
    refused: ['bad', refusedBecause],
  }[connected]
  byId('state').className = `state ${verdict}`
  write(byId('state-text'), words)
  byId('state').title = words
  drawUptime()
}

function drawUptime() {
  write(byId('uptime'), started === null || connected !== 'live' ? '' : `up ${duration((Date.now() - started) / 1000)}`)
}

/** Say which time is missing: from when something was heard last until now. */
function missed(since) {
  const [from, to] = [since, Date.now()].map(moment => clock(new Date(moment).toISOString()))
  return `from ${from} to ${to}, ${milliseconds(Date.now() - since)},`
}

const stream = new Stream(event => {
  if (event.event === 'hello') {
    hello = event
    detail.payloads = event.console === undefined || event.console === 'payloads'
    client.setDefault(event.clients)
    return
  }
  if (event.event === 'sampled') {
    events.sampled(event)
    return
  }
  client.hear(event)
  events.add(event)
}, (state, detailOf) => {
  if (state === 'waiting' && connected === 'live') events.note(`${detailOf.ended ? "The gateway's process stops, and its stream ended" : 'The stream was cut'}: what happens now is not shown`)
  if (state === 'live' && connected === 'waiting') events.note(`The stream goes on. What happened ${missed(detailOf.since)} is missing`)
  if (state === 'refused') refusedBecause = detailOf.message
  if (state === 'waiting') waitingBecause = detailOf.problem instanceof ApiError ? detailOf.problem.message : 'Not reachable'
  // A short break is nothing to speak of: the words change once it is known that the gateway is not there.
  if (state === 'connecting' && connected === 'waiting') return
  connected = state
  drawState()
})

// Buttons and keys

function drawTheme() {
  const names = { system: ['screen', 'Colours: as the system'], light: ['sun', 'Colours: light'], dark: ['moon', 'Colours: dark'] }
  const [sign, words] = names[window.wsaasTheme.current]
  const button = byId('theme')
  button.title = words
  replace(button, icon(sign), h('span', { class: 'unseen' }, words))
}

byId('theme').addEventListener('click', () => {
  window.wsaasTheme.next()
  drawTheme()
})
byId('help-button').append(icon('help'), h('span', { class: 'unseen' }, 'Keys and help'))
byId('help-button').addEventListener('click', openHelp)

function about() {
  const { version, console: recorded } = hello
  return version === undefined ? '' : `WSAAS ${version}, CONSOLE=${recorded}`
}

function openHelp() {
  const help = byId('help')
  replace(help, helpContent(about(), () => help.close()))
  help.showModal()
}

installKeys({
  '/': () => {
    if (view !== 'events') {
      location.hash = 'events'
      showView()
    }
    if (NARROW.matches) closeInspector()
    events.focusFilter() // at once: the next key is the first of the filter
  },
  j: () => view === 'events' && events.list.move(1),
  k: () => view === 'events' && events.list.move(-1),
  r: () => detail.replay(),
  p: () => events.pause(),
  c: openClient,
  '?': openHelp,
  1: () => { location.hash = 'events' },
  2: () => { location.hash = 'connections' },
  3: () => { location.hash = 'groups' },
  4: () => { location.hash = 'cluster' },
}, () => {
  if (detail.stopComparing()) return
  if (events.leaveFilter()) return
  if (byId('inspector').classList.contains('open') && NARROW.matches) closeInspector()
  else if (events.list.selected) {
    events.list.select(null)
    showPane('client', false)
  }
})

addEventListener('hashchange', showView)
NARROW.addEventListener('change', drawViews)
addEventListener('online', () => stream.hurry())
setInterval(drawUptime, 1000)

// For a developer at the browser's own console, and for tests.
window.wsaasConsole = { client, connections, detail, events, groups, stream, tiles }

drawTheme()
drawState()
showView()
loadSentences().catch(() => announce('The explanations could not be read'))
stream.start(events.query)
tiles.start()
