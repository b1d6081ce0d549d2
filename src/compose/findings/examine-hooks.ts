import type { Config } from '../../config.ts'
import { HOOK_MILLISECONDS } from '../../domain/outbound/hook.ts'
import type { OutboundFailure, OutboundRefusal } from '../../domain/outbound/outbound-verdicts.ts'
import { reachServer } from '../../platform/outbound/reach.ts'
import type { Found } from './finding.ts'

/** The settings of servers of the operator, each with the name of its check. */
const HOOKS = [
  ['PASSWORD_HOOK_URL', 'password hook'],
  ['CLAIMS_HOOK_URL', 'claims hook'],
  ['SESSION_VERIFIER_URL', 'session verifier'],
  ['EVENTS_WEBHOOK_URL', 'events webhook'],
] as const satisfies readonly (readonly [keyof Config, string])[]
type HookSetting = (typeof HOOKS)[number][0]

/** A check for each hook that is configured. */
export const examineHooks = (config: Config): Readonly<Record<string, () => Promise<Found>>> =>
  Object.fromEntries(
    HOOKS.flatMap(([setting, check]) => {
      const url = config[setting]
      return url === null ? [] : [[check, () => examineHook(config, { setting, url })]]
    }),
  )

/** Whether a connection to the hook opens, and in which time. No question is asked: it would be about a person, or seem to be. */
const examineHook = async (
  { OUTBOUND_ALLOW: allow }: Config,
  { setting, url }: Readonly<{ setting: HookSetting; url: string }>,
): Promise<Found> => {
  const { protocol, host } = new URL(url)
  const reached = await reachServer({ url, allow, timeout_milliseconds: HOOK_MILLISECONDS })
  if ('reason' in reached)
    return {
      fault: `${setting}: no connection to ${host} (${reached.reason})`,
      advice:
        ADVICE[reached.reason] ?? 'see that the server runs and that a firewall lets this machine reach it',
    }
  const secured = protocol === 'https:' ? ', with TLS' : ''
  return { fault: null, note: `connected to ${host} in ${Math.ceil(reached.milliseconds)} ms${secured}` }
}

/** What to do, by the reason. For every other reason the server is away. */
const ADVICE: Partial<Record<OutboundRefusal | OutboundFailure, string>> = {
  scheme_refused: 'use https, or name the address in OUTBOUND_ALLOW',
  address_refused: 'use a public address, or name the address in OUTBOUND_ALLOW',
  name_unresolved: 'correct the name, or see that the name servers of this machine know it',
  tls_failed:
    'see that its certificate is valid, is for this name, and comes from an authority that this machine trusts',
}
