// Reads what stands in the filter box: event:message status:5xx id:... group:... -event:reply, and any words.

const KEYS = ['event', 'status', 'id', 'group']

/** Read a filter. Each term has a key (or none), values of which one must match, and may be negated by "-". */
export function parse(text) {
  const terms = []
  for (const [, minus, key, quotedValue, value] of text.matchAll(/(-?)(?:([a-z]+):)?(?:"([^"]*)"?|(\S+))/g)) {
    const word = quotedValue ?? value
    if (key && KEYS.includes(key)) terms.push({ key, values: word.split(',').filter(Boolean), not: minus === '-' })
    else terms.push({ key: null, values: [(key ? `${key}:${word}` : word).toLowerCase()], not: minus === '-' && word !== '' })
  }
  return terms.filter(term => term.values.length)
}

/** Say if an event passes all terms. */
export function matches(terms, event) {
  return terms.every(term => term.values.some(value => passes(term.key, value, event)) !== term.not)
}

function passes(key, value, event) {
  if (key === 'event') return event.event === value
  if (key === 'id') return (event.id ?? '').includes(value)
  if (key === 'group') return event.group === undefined ? event.id !== undefined : event.group === value
  if (key === 'status') return statusPasses(value, event.status)
  event.words ??= JSON.stringify(event, (name, part) => (name === 'words' ? undefined : part)).toLowerCase()
  return event.words.includes(value)
}

function statusPasses(value, status) {
  if (value === 'error') return status === null
  if (/^[1-5]xx$/i.test(value)) return Math.floor(status / 100) === Number(value[0])
  return String(status) === value
}

/** Return the parameters with which the gateway leaves out the same events by itself; text and "-" are the page's. */
export function parameters(terms) {
  const query = new URLSearchParams()
  for (const term of terms) {
    const whole = term.key !== 'id' || term.values.every(value => value.length === 32)
    if (term.key && !term.not && whole && !query.has(term.key)) query.set(term.key, term.values.join(','))
  }
  return query
}

/** Say if only the gateway can tell which events pass: it knows the groups of a connection. */
export function needsGateway(terms) {
  return terms.some(term => term.key === 'group' && !term.not)
}
