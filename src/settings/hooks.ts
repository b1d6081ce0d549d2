import { CLAIMS_HOOK_SETTINGS, judgeClaimsHook } from './claims-hook.ts'
import { EVENTS_WEBHOOK_SETTINGS, judgeEventsWebhook } from './events-webhook.ts'
import { judgePasswordHook, PASSWORD_HOOK_SETTINGS } from './password-hook.ts'
import { judgeSessionVerifier, SESSION_VERIFIER_SETTINGS } from './session-verifier.ts'

/** The settings of all requests to servers of the operator. */
export const HOOK_SETTINGS = {
  ...PASSWORD_HOOK_SETTINGS,
  ...SESSION_VERIFIER_SETTINGS,
  ...CLAIMS_HOOK_SETTINGS,
  ...EVENTS_WEBHOOK_SETTINGS,
} as const

type Judged = Parameters<typeof judgePasswordHook>[0] &
  Parameters<typeof judgeSessionVerifier>[0] &
  Parameters<typeof judgeClaimsHook>[0] &
  Parameters<typeof judgeEventsWebhook>[0]

/** What they say against each other: a line for each fault. */
export const judgeHooks = (settings: Judged): readonly string[] => [
  ...judgePasswordHook(settings),
  ...judgeSessionVerifier(settings),
  ...judgeClaimsHook(settings),
  ...judgeEventsWebhook(settings),
]
