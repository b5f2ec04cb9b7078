// Makes elements without innerHTML: whatever a client or a backend has sent can only ever become text.

const SVG = 'http://www.w3.org/2000/svg'

/** Make an element. A property beginning with "on" is a listener, any other an attribute; null and false leave it out. */
export function h(tag, properties, ...children) {
  return fill(document.createElement(tag), properties, children)
}

/** Make an SVG element, as `h` does. */
export function svg(tag, properties, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children)
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
    else if (value === true) element.setAttribute(name, '')
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value)
  }
  element.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== false))
  return element
}

/** Put these children in the place of all others. */
export function replace(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== false))
}

/** Write a text, unless it stands there already: writing costs a layout. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text
}

// Drawn on a grid of 16 by 16, with strokes only.
const PATHS = {
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10ZM14 14l-3.4-3.4',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M5 3.2v9.6L12.5 8Z',
  clear: 'M2.5 8a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0-11 0M4.2 4.2l7.6 7.6',
  close: 'M4 4l8 8M12 4l-8 8',
  copy: 'M6 6h7v7H6zM10 6V3H3v7h3',
  check: 'M3 8.5l3.2 3.2L13 5',
  replay: 'M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3',
  edit: 'M3 13l.7-3L10.5 3.2l2.3 2.3L6 12.3Z',
  diff: 'M5 3v10M11 3v10M2.5 6H5M11 10h2.5',
  sun: 'M8 11A3 3 0 1 0 8 5a3 3 0 0 0 0 6ZM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1',
  moon: 'M13 9.6A5.5 5.5 0 0 1 6.4 3A5.5 5.5 0 1 0 13 9.6Z',
  screen: 'M2 3h12v8H2zM6 14h4M8 11v3',
  help: 'M8 14.5A6.5 6.5 0 1 0 8 1.5a6.5 6.5 0 0 0 0 13ZM6 6.2a2 2 0 1 1 2.8 1.9c-.6.25-.8.6-.8 1.2M8 11.4v.1',
  plus: 'M8 3v10M3 8h10',
  events: 'M2.5 4h11M2.5 8h11M2.5 12h7',
  connections: 'M5 8h6M4 5.5a2.5 2.5 0 0 0 0 5M12 5.5a2.5 2.5 0 0 1 0 5',
  groups: 'M5.5 7.5a2 2 0 1 0 0-4a2 2 0 0 0 0 4ZM2 13c0-2 1.5-3.5 3.5-3.5S9 11 9 13M11 7.5a1.7 1.7 0 1 0 0-3.4M11.5 9.7c1.5.3 2.5 1.6 2.5 3.3',
  client: 'M2 3h12v10H2zM4.5 6.5L6.5 8l-2 1.5M8 10h3',
  cluster: 'M2.5 2.5h11v4h-11zM2.5 9.5h11v4h-11zM5 4.5h.1M5 11.5h.1',
  down: 'M8 3v10M4 9l4 4l4-4',
  back: 'M13 8H3M7 4L3 8l4 4',
  more: 'M4 6l4 4l4-4',
}

/** Make an icon. It says nothing to a screen reader: what it stands in has a name. */
export function icon(name) {
  const path = svg('path', { d: PATHS[name] })
  return svg('svg', { class: 'icon', viewBox: '0 0 16 16', 'aria-hidden': 'true', focusable: 'false' }, path)
}

/** Say something to a screen reader, and to nobody else. Used for what a person has asked for, not for the stream. */
export function announce(text) {
  const region = document.getElementById('announcer')
  region.textContent = ''
  setTimeout(() => { region.textContent = text }, 30)
}

/** Make a button that copies what `text()` returns, and shows that it did. */
export function copyButton(label, text, visible = false) {
  const button = h('button', { type: 'button', class: visible ? 'button' : 'plain', title: label })
  const show = (name, words) => replace(button, icon(name), visible ? h('span', null, words) : h('span', { class: 'unseen' }, words))
  show('copy', label)
  button.addEventListener('click', async event => {
    event.stopPropagation()
    const copied = await copy(text())
    show(copied ? 'check' : 'close', copied ? 'Copied' : 'Not copied')
    announce(copied ? 'Copied' : 'The browser does not allow to copy')
    setTimeout(() => show('copy', label), 1500)
  })
  return button
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    // Over plain HTTP from another machine there is no clipboard but this old one.
    const area = h('textarea', { class: 'unseen', 'aria-hidden': 'true' })
    area.value = text
    document.body.append(area)
    area.select()
    const copied = document.execCommand('copy')
    area.remove()
    return copied
  }
}

/** Make a line of code with a button that copies it. */
export function snippet(text, label = 'Copy this command') {
  return h('div', { class: 'snippet' }, h('code', null, text), copyButton(label, () => text))
}
