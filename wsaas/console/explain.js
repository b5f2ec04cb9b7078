// Says in words why a client was refused, why a connection ended, and what an answer of the backend brings about.
// The sentences are those of the command line: explanations.json is made from wsaas/cli/sentences.py.

let sentences = { close_codes: {}, refusals: {}, statuses: {}, answers: {} }

/** Read the sentences. */
export async function load() {
  sentences = await (await fetch(new URL('explanations.json', import.meta.url))).json()
}

/** Explain a close code. */
export function closeCode(code) {
  return sentences.close_codes[code ?? 1005] ?? (code >= 4000 && code <= 4999 ? 'the application’s own code' : '')
}

/** Explain a refused handshake. */
export function refusal(event) {
  return sentences.refusals[event.code] ?? sentences.statuses[event.status] ?? ''
}

/** Explain what the answer to a webhook brings about. */
export function answer(event) {
  const kind = event.event === 'retry' ? event.webhook_id?.split('_').pop() : event.event
  const rules = sentences.answers[kind === 'messages' ? 'message' : kind] ?? {}
  const { status } = event
  if (event.outcome === 'undelivered' && rules.undelivered) return rules.undelivered
  if (status === null || status === undefined) return rules.none ?? ''
  if (['refused', 'unknown'].includes(event.outcome) && status < 300) return rules[event.outcome] ?? ''
  if (status >= 200 && status < 300 && rules.unsent) {
    if (event.reply === 'unsent') return rules.unsent
    if (event.reply === undefined && event.answer_bytes && event.count === undefined) return rules.unreplied
  }
  return rules[status] ?? rules[`${Math.floor(status / 100)}xx`] ?? ''
}

/** Explain an event, in one or two sentences; an empty text if it explains itself. */
export function explain(event) {
  if (event.event === 'refusal') return refusal(event)
  if (event.event === 'close') return closeCode(event.close_code)
  return answer(event)
}
