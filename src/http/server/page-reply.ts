import { PAGE_SECURITY_POLICY, type Page, renderPage } from '../pages/layout.ts'
import { NO_STORE, type Reply } from './route.ts'

const HEADERS = {
  ...NO_STORE,
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': PAGE_SECURITY_POLICY,
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  // The URL of the page contains a token, which must reach no other site. Under no-referrer, browsers send the page's form with
  // `Origin: null`.
  'Referrer-Policy': 'same-origin',
  Vary: 'Accept-Language',
}

/** Answers a request with a page. */
export const pageReply = (status: number, page: Page, more: Reply['headers'] = {}): Reply => ({
  status,
  body: renderPage(page),
  headers: { ...HEADERS, ...more },
})
