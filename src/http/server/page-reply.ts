import type { Page } from '../layout/layout.ts'
import { languageFor } from './language.ts'
import { type Call, NO_STORE, type Reply } from './route.ts'

const HEADERS = {
  ...NO_STORE,
  'Content-Type': 'text/html; charset=utf-8',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Frame-Options': 'DENY',
  // The URL of a page may hold a token, which must reach no other site. Under no-referrer, browsers send the page's form with
  // `Origin: null`.
  'Referrer-Policy': 'same-origin',
  Vary: 'Accept-Language',
}

/** On a sign-in it would cut off the pop-ups of browser clients. */
const ALONE = { 'Cross-Origin-Opener-Policy': 'same-origin' }

/** Answers a request with a page. */
export const pageReply = (call: Call, status: number, page: Page, more: Reply['headers'] = {}): Reply => {
  const { method, url } = call.context.req
  const isAddress = method === 'GET' || method === 'HEAD'
  const { pathname, search } = new URL(url)
  const { body, security_policy, shell } = call.pages.render(page, {
    language: languageFor(call),
    reference: call.request_id,
    address: isAddress ? pathname + search : null,
  })
  return {
    status,
    body,
    headers: {
      ...HEADERS,
      ...(shell === 'stay' ? ALONE : {}),
      'Content-Security-Policy': security_policy,
      ...more,
    },
  }
}
