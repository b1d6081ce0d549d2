import { json, NO_STORE, type Route } from '../server/route.ts'
import type { Administrating } from './administrating.ts'

type Needs = Readonly<{
  /** What the server finds of itself, as `signetd doctor` does. */
  findings: () => Promise<
    readonly Readonly<{
      check: string
      outcome: 'ok' | 'warning' | 'fault'
      detail: string | null
      advice: string | null
    }>[]
  >
}>

/** Ours (docs/administration.md) – Whether all is well, as the server sees it. */
export const findingsRoute = (route: Administrating, { findings }: Needs): Route =>
  route('GET', '/health', async () => json(200, { findings: await findings() }, NO_STORE))
