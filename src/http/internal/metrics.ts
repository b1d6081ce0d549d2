import type { Route } from '../server/route.ts'

type Render = () => Promise<Readonly<{ type: string; body: string }>>

/** Ours (docs/decisions/0034) – GET /metrics for Prometheus, on the internal listener alone. */
export const metricsRoute = (render: Render): Route => ({
  method: 'GET',
  path: '/metrics',
  cors: 'none',
  errors: 'problem',
  isProbe: true,
  handle: async () => {
    const { type, body } = await render()
    return { status: 200, body, headers: { 'Content-Type': type } }
  },
})
