import { HOME_PAGE } from '../pages/home.ts'
import { pageReply } from '../server/page-reply.ts'
import type { Route } from '../server/route.ts'

/** Ours – The page at the issuer's own address. */
export const homeRoute = (): Route => {
  const reply = pageReply(200, HOME_PAGE)
  return { method: 'GET', path: '/', cors: 'none', errors: 'page', handle: async () => reply }
}
