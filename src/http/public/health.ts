import { json, type Route } from '../route.ts'

/** What the server needs (not ready without it) and what it can do without (degraded). */
export type Health = Readonly<{ missing: readonly string[]; degraded: readonly string[] }>

/** Kubernetes, "Liveness, Readiness": livez asks nobody, so that a lost database restarts no server. */
export const healthRoutes = (judgeHealth: () => Promise<Health>): readonly Route[] => [
  { ...open, path: '/livez', handle: async () => json(200, { status: 'live' }) },
  {
    ...open,
    path: '/readyz',
    handle: async () => {
      const { missing, degraded } = await judgeHealth()
      if (missing.length > 0)
        return json(503, { status: 'not_ready', missing, degraded }, { 'Retry-After': '1' })
      return json(200, { status: degraded.length > 0 ? 'degraded' : 'ready', missing, degraded })
    },
  },
]

const open = { method: 'GET', cors: 'nobody', errors: 'problem' } as const
