/** signetd/hono on any runtime with Web Crypto. On Node the export conditions lead to hono-node.ts. */
import { honoProtectOn } from './guards/hono-protect.ts'
import { createVerifier } from './verify.ts'

/** `const protect = createProtect({ issuer, audience })`, then `app.get('/orders', protect(scope('orders:read')), …)`. */
export const createProtect = honoProtectOn(createVerifier)

export type { AuthEnv, HonoProtect } from './guards/hono-protect.ts'
export * from './verify/public.ts'
