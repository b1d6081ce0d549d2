/** signetd/hono on any runtime with Web Crypto. On Node the export conditions lead to hono-node.ts. */
import { createProofJudge } from './dpop/judge-proof.ts'
import { honoProtectOn } from './guards/hono-protect.ts'
import { webEngine } from './verify/engine-web.ts'
import { verifierOn } from './verify/verifier.ts'

/** `const protect = createProtect({ issuer, audience })`, then `app.get('/orders', protect(scope('orders:read')), …)`. */
export const createProtect = honoProtectOn(verifierOn(webEngine, createProofJudge))

export type { AuthEnv, HonoProtect } from './guards/hono-protect.ts'
export type { Authenticated, OldSessions } from './guards/old-sessions.ts'
export * from './verify/public.ts'
