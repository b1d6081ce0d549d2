import { json, type Route } from '../server/route.ts'

/** What the server misses: it is not ready without what it needs, and degraded without a helper. */
type Health = Readonly<{ missing: readonly string[]; degraded: readonly string[] }>

type Needs = Readonly<{
  /** The required services by name. A check rejects while its service is away. */
  needs: Readonly<Record<string, () => Promise<void>>>
  /** The optional services by name. A check returns false while its service is away. */
  helpers: Readonly<Record<string, () => boolean>>
  isDraining: () => boolean
}>

export type JudgeHealth = () => Promise<Health>

export const createJudgeHealth =
  ({ needs, helpers, isDraining }: Needs): JudgeHealth =>
  async () => {
    const asked = Object.entries(needs).map(async ([name, ask]) =>
      ask().then(
        () => [],
        () => [name],
      ),
    )
    const missing = (await Promise.all(asked)).flat()
    const degraded = Object.entries(helpers).flatMap(([name, isThere]) => (isThere() ? [] : [name]))
    return { missing: isDraining() ? [...missing, 'draining'] : missing, degraded }
  }

/** Kubernetes, "Liveness, Readiness": livez asks no other service, so that a lost database restarts no server. */
export const healthRoutes = (judgeHealth: JudgeHealth): readonly Route[] => [
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

const open = { method: 'GET', cors: 'none', errors: 'problem', isProbe: true } as const
