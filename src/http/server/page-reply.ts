import { PAGE_SECURITY_POLICY, type Page, renderPage } from '../pages/layout.ts'
import { NO_STORE, type Reply } from './route.ts'

const HEADERS = {
  ...NO_STORE,
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': PAGE_SECURITY_POLICY,
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  // The address of the page holds a token: it goes to no other site. Under no-referrer, browsers send our own forms with `Origin: null`.
  'Referrer-Policy': 'same-origin',
  Vary: 'Accept-Language',
}

/** A page as the answer to a request. */
export const pageReply = (status: number, page: Page, more: Reply['headers'] = {}): Reply => ({
  status,
  body: renderPage(page),
  headers: { ...HEADERS, ...more },
})
