import type { Page } from '../layout/layout.ts'
import { type Call, NO_STORE, type Reply } from '../server/route.ts'

const HEADERS = {
  ...NO_STORE,
  'Content-Type': 'text/html; charset=utf-8',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'same-origin',
}

/** Answers with a page of the console, which is in English alone. */
export const consoleReply = (call: Call, status: number, page: Page): Reply => {
  const { body, security_policy } = call.pages.render(page, {
    language: 'en',
    reference: call.request_id,
    address: null,
  })
  return { status, body, headers: { ...HEADERS, 'Content-Security-Policy': security_policy } }
}

/** What the routes of the console have in common: no other origin reads them, and a refusal is a page. */
export const CONSOLE_ROUTE = { cors: 'none', errors: 'page' } as const
