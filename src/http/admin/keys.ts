import { z } from 'zod'
import { keyEventsOf } from '../../domain/keys/key-events.ts'
import { nextRotation } from '../../domain/keys/key-ring.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { Events } from '../../ports/events.ts'
import type { AdministeredKey, AdministeredKeys, KeyOutcome } from '../../ports/keys.ts'
import { type Call, json, NO_STORE, type Reply, type Route } from '../server/route.ts'
import type { Administrating } from './administrating.ts'
import { readMembers } from './fields.ts'

type Needs = Readonly<{
  administeredKeys: AdministeredKeys
  events: Pick<Events, 'write'>
  /** Seconds between two rotations. */
  key_seconds: number
}>

/**
 * Ours (docs/administration.md) – The signing keys: their times, and what changes them. Files and events have no common transaction: a change
 * whose event could not be written is answered as one that may have been made, and the list shows it.
 */
export const keyRoutes = (
  route: Administrating,
  { administeredKeys, events, key_seconds }: Needs,
): readonly Route[] => {
  const shown = (keys: readonly AdministeredKey[]): Reply => {
    const rotation_due_at = nextRotation(keys, key_seconds)?.toISOString() ?? null
    return json(200, { items: keys.map(present), next: null, rotation_due_at }, NO_STORE)
  }
  const changed = async (outcome: KeyOutcome): Promise<Reply> => {
    const { before, after } = kept(outcome)
    await events.write(keyEventsOf(before, after))
    return shown(after)
  }
  const requireKnown = async (call: Call): Promise<string> => {
    const kid = call.context.req.param('kid') ?? ''
    const { after } = kept(await administeredKeys.list())
    if (!after.some(key => key.kid === kid)) throw new Problem('NOT_FOUND')
    return kid
  }
  return [
    route('GET', '/keys', async () => shown(kept(await administeredKeys.list()).after)),
    route('POST', '/keys/rotate', async call => {
      const { now } = await readMembers(call, PACE)
      return changed(await administeredKeys.rotate(now))
    }),
    route('POST', '/keys/:kid/retire', async call => {
      const { now } = await readMembers(call, PACE)
      return changed(await administeredKeys.retire(await requireKnown(call), now))
    }),
    route('POST', '/keys/:kid/revoke', async call => {
      await readMembers(call, REVOCATION)
      return changed(await administeredKeys.revoke(await requireKnown(call)))
    }),
  ]
}

const FLAG = 'must be true or false'
const PACE = z.strictObject({ now: z.boolean(FLAG).default(false) })

/** Every token of the key ends: the caller says so. */
const REVOCATION = z.strictObject({
  now: z.literal(true, 'must be true: every token that the key signed ends'),
})

const kept = (outcome: KeyOutcome) => {
  if ('refusal' in outcome) throw new Problem('KEYS_UNCHANGED', { members: { detail: outcome.refusal } })
  return outcome
}

const present = ({ kid, state, announced_at, signs_from, retired_at, drop_at }: AdministeredKey) => ({
  kid,
  state,
  announced_at: announced_at?.toISOString() ?? null,
  signs_from: signs_from?.toISOString() ?? null,
  signs_until: retired_at?.toISOString() ?? null,
  served_until: drop_at?.toISOString() ?? null,
})
