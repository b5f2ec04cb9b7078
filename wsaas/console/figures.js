// Reads the gateway's figures from /-/metrics, whose names and meanings the documentation has: nothing is counted twice.

const LINE = /^([a-z_]+)(?:\{(.*)\})? (\S+)/
// A 4xx is the backend's decision, about a client or a message: it works.
const FAILED = new Set(['3xx', '5xx', 'timeout', 'error'])
const LABEL = /([a-z_]+)="((?:\\.|[^"\\])*)"/g

/** Read the text format of Prometheus: a list of samples for each name. */
export function parseMetrics(text) {
  const found = new Map()
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) continue
    const match = LINE.exec(line)
    if (!match) continue
    const labels = Object.fromEntries([...(match[2] ?? '').matchAll(LABEL)].map(([, name, value]) => [name, value]))
    if (!found.has(match[1])) found.set(match[1], [])
    found.get(match[1]).push({ labels, value: Number(match[3]) })
  }
  return found
}

/** Return what the tiles need of one reading: sums over all workers, and the buckets of the webhooks' times. */
export function figuresOf(text) {
  const metrics = parseMetrics(text)
  const samples = name => metrics.get(name) ?? []
  const sum = (name, passes = () => true) => samples(name).filter(each => passes(each.labels)).reduce((total, each) => total + each.value, 0)
  const most = name => Math.max(0, ...samples(name).map(each => each.value))
  const started = samples('process_start_time_seconds').map(each => each.value)
  const buckets = new Map()
  for (const { labels, value } of samples('wsaas_webhook_duration_seconds_bucket')) {
    const bound = Number(labels.le.replace('+Inf', 'Infinity'))
    buckets.set(bound, (buckets.get(bound) ?? 0) + value)
  }
  return {
    connections: sum('wsaas_connections'),
    limit: sum('wsaas_connections_limit'),
    received: sum('wsaas_messages_received_total'),
    sent: sum('wsaas_messages_sent_total'),
    attempts: sum('wsaas_webhook_attempts_total'),
    failures: sum('wsaas_webhook_attempts_total', labels => FAILED.has(labels.status)),
    waiting: sum('wsaas_journal_pending_disconnects'),
    oldest: most('wsaas_journal_oldest_pending_seconds'),
    draining: most('wsaas_draining') > 0,
    started: started.length ? Math.min(...started) : null,
    buckets: [...buckets].sort(([one], [other]) => one - other),
  }
}

/** Estimate the time below which a part of the webhooks stayed, in ms, from what two readings' buckets differ by. */
export function quantile(part, before, after) {
  const earlier = new Map(before)
  const counts = after.map(([bound, number]) => [bound, number - (earlier.get(bound) ?? 0)])
  const total = counts.at(-1)?.[1] ?? 0
  if (total <= 0) return null
  const rank = part * total
  let lower = 0
  let below = 0
  for (const [bound, number] of counts) {
    if (number >= rank) {
      if (bound === Infinity) return lower * 1000
      const within = number === below ? 1 : (rank - below) / (number - below)
      return (lower + (bound - lower) * within) * 1000
    }
    lower = bound
    below = number
  }
  return lower * 1000
}
