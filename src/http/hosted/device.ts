import { z } from 'zod'
import {
  completeUserCode,
  parseUserCode,
  type UserCode,
  writtenUserCode,
} from '../../domain/authorization/device-code.ts'
import type { ScopeCatalogue } from '../../domain/authorization/scope-catalogue.ts'
import type { Digest } from '../../domain/base/digest.ts'
import { limitKeyOf } from '../../domain/base/ip-address.ts'
import type { Form } from '../../domain/oauth/form.ts'
import type { BrowserSession } from '../../domain/sign-in/browser-session.ts'
import { requireAllowance } from '../../flows/access/require-allowance.ts'
import type { AskingDevice, DecideDevice } from '../../flows/oauth/decide-device.ts'
import type { Limit } from '../../ports/limits.ts'
import { inLanguage } from '../layout/layout.ts'
import {
  DEVICE_PATH,
  deviceAllowedPage,
  deviceDecisionPage,
  deviceDeniedPage,
  deviceOverPage,
  userCodePage,
} from '../pages/device.ts'
import { readFormWithBoxes } from '../server/body.ts'
import type { Csrf } from '../server/csrf.ts'
import { languageFor } from '../server/language.ts'
import { pageReply } from '../server/page-reply.ts'
import { onVisit } from '../server/prefetch.ts'
import type { Call, Handle, Reply, Route } from '../server/route.ts'
import { type Interactions, seeOther } from './interactions.ts'
import type { SessionForms } from './session-forms.ts'

type Needs = Readonly<{
  decideDevice: DecideDevice
  interactions: Interactions
  sessionForms: SessionForms
  /** SCOPES_FILE, as it is now. */
  scopes: () => ScopeCatalogue
  csrf: Csrf
  limits: Readonly<{ accounts: Limit }>
}>

/**
 * RFC 8628 §3.3 – The page of `verification_uri`, in three steps: the person signs in, types the code, and decides. Nothing is looked up for
 * a stranger. A GET changes nothing, so that a link leads no further than to the code.
 */
export const deviceRoutes = (needs: Needs): readonly Route[] => [
  { ...PAGE, method: 'GET', path: DEVICE_PATH, handle: onVisit(showDevice(needs)) },
  {
    ...PAGE,
    method: 'POST',
    path: DEVICE_PATH,
    handle: needs.csrf.refuseOtherPages(handleDeviceForm(needs)),
  },
  ...(['allowed', 'denied', 'over'] as const).map(
    (outcome): Route => ({
      ...PAGE,
      method: 'GET',
      path: `${DEVICE_PATH}/${outcome}`,
      handle: async call => pageReply(call, 200, OUTCOMES[outcome]),
    }),
  ),
]

const PAGE = { cors: 'none', errors: 'page' } as const
const OUTCOMES = { allowed: deviceAllowedPage, denied: deviceDeniedPage, over: deviceOverPage } as const

const showDevice =
  (needs: Needs): Handle =>
  async call => {
    const { interactions } = needs
    const known = parseUserCode(call.context.req.query('user_code') ?? '')
    const session = await interactions.findSession(call)
    if (session === null) return interactions.leadToSignIn(call, pathOf(known))
    return showCode(needs, call, { session, known, wrong: null })
  }

const pathOf = (known: UserCode | null): string =>
  known === null ? DEVICE_PATH : `${DEVICE_PATH}?user_code=${writtenUserCode(known)}`

type Shown = Readonly<{ session: BrowserSession; known: UserCode | null; wrong: string | null }>

const showCode = ({ sessionForms }: Needs, call: Call, { session, known, wrong }: Shown): Reply => {
  const sealed = sessionForms.seal('device', session, { step: 'code', known } satisfies Step)
  const page = userCodePage({ sealed, known, wrong })
  return { ...pageReply(call, wrong === null ? 200 : 422, page), log: { sub: session.account.id } }
}

const SOURCE = z.object({ ip: z.string(), user_agent: z.string().nullable() })

/** What the hidden field of the page holds: what was shown is what is decided on. */
const STEP = z.discriminatedUnion('step', [
  z.object({ step: z.literal('code'), known: z.string().nullable() }),
  z.object({
    step: z.literal('decision'),
    digest: z.base64url(),
    client_id: z.string(),
    scope: z.array(z.string()),
    audience: z.array(z.string()),
    choices: z.array(z.string()),
    device: SOURCE,
  }),
])
type Step = z.output<typeof STEP>

const handleDeviceForm =
  (needs: Needs): Handle =>
  async call => {
    const { interactions, sessionForms, limits } = needs
    await requireAllowance(limits.accounts, limitKeyOf(call.ip))
    const { form, ticked } = await readFormWithBoxes(call, 'scope')
    const session = await interactions.findSession(call)
    if (session === null) return interactions.leadToSignIn(call)
    const step = STEP.parse(sessionForms.open('device', session, form.get('request')))
    return step.step === 'code'
      ? lookUp(needs, { call, form, session, known: parseUserCode(step.known ?? '') })
      : decide(needs, { call, form, session, ticked, step })
  }

type Looking = Readonly<{ call: Call; form: Form; session: BrowserSession; known: UserCode | null }>

const lookUp = async (needs: Needs, { call, form, session, known }: Looking): Promise<Reply> => {
  const typed = form.get('user_code') ?? ''
  const user_code = completeUserCode(typed, known)
  const asking = user_code && (await needs.decideDevice.find({ user_code, session, ip: call.ip }))
  return asking === null
    ? showCode(needs, call, { session, known, wrong: typed })
    : showDecision(needs, call, { session, asking })
}

const showDecision = (
  { sessionForms, scopes: catalogueNow }: Needs,
  call: Call,
  {
    session,
    asking: { device, client, scopes },
  }: Readonly<{ session: BrowserSession; asking: AskingDevice }>,
): Reply => {
  const { digest, audience, client_id, ip, user_agent, created_at } = device
  const source = { ip, user_agent }
  const sealed = sessionForms.seal('device', session, {
    step: 'decision',
    digest: Buffer.from(digest).toString('base64url'),
    client_id,
    scope: scopes.map(({ scope }) => scope),
    audience: [...audience],
    choices: scopes.filter(({ isTicked }) => isTicked !== null).map(({ scope }) => scope),
    device: source,
  } satisfies Step)
  const page = deviceDecisionPage({
    sealed,
    application: client.client_name ?? client_id,
    client_host: client.client_uri === undefined ? null : new URL(client.client_uri).host,
    source,
    created_at,
    scopes,
    catalogue: catalogueNow(),
    email: session.account.email,
  })
  return { ...pageReply(call, 200, page), log: { sub: session.account.id, client_id } }
}

type Deciding = Readonly<{
  call: Call
  form: Form
  session: BrowserSession
  ticked: readonly string[]
  step: Extract<Step, { step: 'decision' }>
}>

/** RFC 9110 §15.4.4 – Leads to a page of its own, so that a reload decides nothing again. */
const decide = async (
  { decideDevice }: Needs,
  { call, form, session, ticked, step }: Deciding,
): Promise<Reply> => {
  const digest = parseSealedDigest(step.digest)
  const outcome =
    form.get('decision') === 'allow'
      ? await decideDevice.allow({
          ...step,
          digest,
          ticked,
          session,
          language: languageFor(call),
          request_id: call.request_id,
        })
      : await decideDevice.deny({ digest })
  const { client_id } = step
  return {
    ...seeOther(inLanguage(`${DEVICE_PATH}/${outcome}`, languageFor(call))),
    log: { sub: session.account.id, client_id },
  }
}

/** Of our own seal: the digest of a device code, as it was put in. */
const parseSealedDigest = (text: string): Digest<'device_code'> =>
  Buffer.from(text, 'base64url') as Uint8Array as Digest<'device_code'>
