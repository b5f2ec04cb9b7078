// Asks the gateway's API. The token is asked for once, kept until the tab is closed, and sent as a header.

const KEY = 'wsaas-token'

/** Where the API is: whatever stands before /-/console in the page's own address. */
export const BASE = location.pathname.replace(/\/-\/console.*$/, '')

/** The API's address as a person writes it behind curl. */
export const ORIGIN = `${location.origin}${BASE}`

let token = sessionStorage.getItem(KEY)
let asking = null
let ask = async () => null

/** Say how the page asks a person for the token: `asker(wrong)` resolves with it. */
export function onTokenNeeded(asker) {
  ask = asker
}

/** Say if a token is in use. */
export function hasToken() {
  return token !== null
}

/** An answer of the API that is no success: its status, its code, and what to do about it. */
export class ApiError extends Error {
  constructor(status, code, message) {
    super(message || code || `the gateway answered ${status}`)
    this.status = status
    this.code = code
  }
}

/** The gateway cannot be reached at all. */
export class Unreachable extends Error {}

/** Send a request; `within` are the ms for all of its answer. A 401 asks for the token and sends it again. Resolves with a Response whose status is 2xx. */
export async function request(method, path, { body, headers = {}, signal, within } = {}) {
  for (;;) {
    const used = token
    const sent = { ...headers, ...(used === null ? {} : { Authorization: `Bearer ${used}` }) }
    let response
    try {
      response = await fetch(BASE + path, { method, body, headers: sent, signal: within ? AbortSignal.timeout(within) : signal, cache: 'no-store', credentials: 'omit' })
    } catch (error) {
      if (error.name === 'AbortError' || error.name === 'TimeoutError') throw error
      throw new Unreachable('the gateway cannot be reached')
    }
    if (response.ok) return response
    if (response.status === 401) {
      if (token === used) await askOnce(used !== null)
      continue
    }
    const fields = await response.json().catch(() => ({}))
    throw new ApiError(response.status, fields.code, fields.message)
  }
}

/** Send a request and read the JSON of its answer. */
export async function json(method, path, options) {
  return (await request(method, path, options)).json()
}

/** All requests that find no token wait for the same question. */
async function askOnce(wrong) {
  asking ??= ask(wrong).then(given => {
    token = given
    sessionStorage.setItem(KEY, given)
  }).finally(() => { asking = null })
  await asking
}

/** Write a curl command, with the token by the name of its variable. */
export function curl(parts) {
  return ['curl', ...(hasToken() ? ['-H "Authorization: Bearer $API_TOKEN"'] : []), ...parts].join(' ')
}
