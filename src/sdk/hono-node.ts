/** signetd/hono on Node. */
import { honoProtectOn } from './guards/hono-protect.ts'
import { createVerifier } from './verify-node.ts'

/** `const protect = createProtect({ issuer, audience })`, then `app.get('/orders', protect(scope('orders:read')), …)`. */
export const createProtect = honoProtectOn(createVerifier)

export type { AuthEnv, HonoProtect } from './guards/hono-protect.ts'
export * from './verify/public.ts'
