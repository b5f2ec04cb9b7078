// Writes times, sizes, ids and bodies for people. Figures keep their width, so that columns do not dance.

const NUMBER = new Intl.NumberFormat('en')

/** Write a number with its thousands apart: 12,345. */
export function count(number) {
  return number === null || number === undefined ? '–' : NUMBER.format(number)
}

/** Write a rate or a percentage with as many digits as mean something: 0, 0.4, 12, 1,204. */
export function figure(number) {
  if (number === null || number === undefined || Number.isNaN(number)) return '–'
  if (number !== 0 && Math.abs(number) < 9.95) return number.toFixed(1)
  return NUMBER.format(Math.round(number))
}

/** Write the time of day of an ISO moment, to the millisecond, as the person's clock shows it. */
export function clock(iso) {
  const date = new Date(iso)
  if (Number.isNaN(date.getTime())) return ''
  const two = number => String(number).padStart(2, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`
}

/** Write milliseconds: 0.42 ms, 4.2 ms, 140 ms, 1.24 s, 2 min 5 s. */
export function milliseconds(ms) {
  if (ms === null || ms === undefined) return ''
  if (ms < 1) return `${ms.toFixed(2)} ms`
  if (ms < 9.95) return `${ms.toFixed(1)} ms`
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(2)} s`
  return duration(ms / 1000)
}

/** Write seconds in the two units that matter: 12 s, 4 min 2 s, 3 h 10 min, 2 d 4 h. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return '–'
  const whole = Math.max(0, Math.floor(seconds))
  for (const [size, unit, below, smaller] of [[86400, 'd', 3600, 'h'], [3600, 'h', 60, 'min'], [60, 'min', 1, 's']]) {
    if (whole >= size) {
      const rest = Math.floor((whole % size) / below)
      return `${Math.floor(whole / size)} ${unit}${rest ? ` ${rest} ${smaller}` : ''}`
    }
  }
  return `${whole} s`
}

/** Write how long ago a moment was. */
export function ago(iso) {
  return duration((Date.now() - new Date(iso).getTime()) / 1000)
}

/** Write a size: 12 B, 1.2 KB, 3.4 MB. */
export function bytes(number) {
  if (number === null || number === undefined) return ''
  if (number < 1000) return `${number} B`
  for (const [size, unit] of [[1e9, 'GB'], [1e6, 'MB'], [1e3, 'KB']]) {
    if (number >= size) return `${(number / size).toFixed(number < size * 10 ? 1 : 0)} ${unit}`
  }
  return `${number} B`
}

/** Shorten a connection's id to the part that tells it from others: its first eight characters name the process. */
export function shortId(id) {
  return id.length === 32 ? id.slice(8, 16) : id.slice(0, 8)
}

/** Return a word with the right number: 1 event, 2 events. */
export function plural(number, word) {
  return `${count(number)} ${word}${number === 1 ? '' : 's'}`
}

/** Return the bytes of a recorded body. */
export function bodyBytes(part) {
  if (part?.body_base64 !== undefined) return Uint8Array.from(atob(part.body_base64), each => each.charCodeAt(0))
  return new TextEncoder().encode(part?.body ?? '')
}

/** Return a recorded body as text if it is one, else null. */
export function bodyText(part) {
  if (typeof part?.body === 'string') return part.body
  if (part?.body_base64 === undefined) return null
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bodyBytes(part))
  } catch {
    return null
  }
}

/** Write JSON with indents, or return null if the text is none or is only a number or a word. */
export function prettyJson(text) {
  try {
    const value = JSON.parse(text)
    return value !== null && typeof value === 'object' ? JSON.stringify(value, null, 2) : null
  } catch {
    return null
  }
}

/** Write bytes as hexdump -C does: the offset, sixteen bytes, and those of them that are printable. */
export function hex(data) {
  const lines = []
  for (let at = 0; at < data.length; at += 16) {
    const row = [...data.subarray(at, at + 16)]
    const codes = row.map(byte => byte.toString(16).padStart(2, '0'))
    const halves = [codes.slice(0, 8).join(' '), codes.slice(8).join(' ')]
    const shown = row.map(byte => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('')
    lines.push(`${at.toString(16).padStart(6, '0')}  ${halves[0].padEnd(23)}  ${halves[1].padEnd(23)}  ${shown}`)
  }
  return lines.join('\n')
}

/** Quote a word for a shell. */
export function quoted(word) {
  return /^[A-Za-z0-9_\-.,:/@%+=]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
