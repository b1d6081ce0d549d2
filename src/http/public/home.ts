import { homePage } from '../pages/home.ts'
import { pageReply } from '../server/page-reply.ts'
import type { Route } from '../server/route.ts'

/** Ours – The page at the issuer's own address. */
export const homeRoute = (): Route => ({
  method: 'GET',
  path: '/',
  cors: 'none',
  errors: 'page',
  handle: async call => pageReply(call, 200, homePage),
})
