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

type File = Readonly<{ type: string; body: ReadableStream<Uint8Array> | null; name: string }>

/** RFC 6266 §4.2 – Answers with a file that the browser keeps and never shows. */
export const fileReply = async ({ context }: Call, { type, body, name }: File): Promise<Reply> => {
  const { 'Cross-Origin-Resource-Policy': policy } = HEADERS
  const headers = {
    ...NO_STORE,
    'Content-Type': type,
    'Content-Disposition': `attachment; filename="${name}"`,
    'Cross-Origin-Resource-Policy': policy,
  }
  if (context.req.method !== 'HEAD') return { status: 200, body, headers }
  // A body that is not read would keep one of the places for exports.
  await body?.cancel()
  return { status: 200, body: null, headers }
}

/** What the routes of the console have in common: no other origin reads them, and a refusal is a page. */
export const CONSOLE_ROUTE = { cors: 'none', errors: 'page' } as const
