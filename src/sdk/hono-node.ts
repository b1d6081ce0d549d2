/** signetd/hono on Node. */
import { createProofJudge } from './dpop/judge-proof.ts'
import { honoProtectOn } from './guards/hono-protect.ts'
import { nodeEngine } from './verify/engine-node.ts'
import { verifierOn } from './verify/verifier.ts'

/** `const protect = createProtect({ issuer, audience })`, then `app.get('/orders', protect(scope('orders:read')), …)`. */
export const createProtect = honoProtectOn(verifierOn(nodeEngine, createProofJudge))

export type { AuthEnv, HonoProtect } from './guards/hono-protect.ts'
export type { Authenticated, OldSessions } from './guards/old-sessions.ts'
export * from './verify/public.ts'
