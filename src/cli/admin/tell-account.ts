import { SIGN_IN_RESULTS } from '../../domain/sign-in/sign-in-result.ts'
import type { ToldAccount, ToldEvent, ToldSignIn } from './admin-answers.ts'
import { actorOf, tellSignIn, timeOf, wordsOf } from './tell-sign-in.ts'

type Story = Readonly<{
  account: ToldAccount
  /** The last ones, the newest first. */
  sign_ins: readonly ToldSignIn[]
  /** Events of the account, the newest first. */
  events: readonly ToldEvent[]
}>

/** What is told of one sign-in, or of the account beside its sign-ins. */
export type StoryParagraph = Readonly<{
  sid: string | null
  state: string | null
  sentences: readonly string[]
}>

/** What happened to a person: the account, what was refused to her, and each of her last sign-ins, the oldest first. */
export const tellAccount = ({ account, sign_ins, events }: Story): readonly StoryParagraph[] => {
  const oldestFirst = events.toReversed()
  const paragraphs = sign_ins.toReversed().map(sign_in => ({
    sid: sign_in.sid,
    state: sign_in.state,
    sentences: tellSignIn({ sign_in, events: oldestFirst.filter(({ sid }) => sid === sign_in.sid) }),
  }))
  const ofAccount = [
    ...openingOf(account),
    ...oldestFirst.filter(({ sid }) => sid === null).map(event => sentenceOf(event, account)),
    ...(sign_ins.length === 0 ? ['There is no sign-in that is still kept.'] : []),
  ]
  return [{ sid: null, state: null, sentences: ofAccount }, ...paragraphs]
}

const openingOf = ({ email, sub, created_at, disabled_at }: ToldAccount): readonly string[] => [
  `${email} has the account ${sub}, opened on ${timeOf(created_at)}.`,
  ...(disabled_at === null ? [] : [`The account has been disabled since ${timeOf(disabled_at)}.`]),
]

const sentenceOf = (event: ToldEvent, { sub }: ToldAccount): string => {
  const { kind, at, ip, reason, client_id, count } = event
  const from = ip === null ? '' : ` from ${ip}`
  if (kind !== 'sign_in.refused')
    return `On ${timeOf(at)}, by ${actorOf(event, sub)}${from}: ${wordsOf(kind)}`
  const what = count === 1 ? 'an attempt' : `${count} attempts`
  const where = client_id === null ? '' : ` at ${client_id}`
  return `On ${timeOf(at)} ${what} to sign in${where}${from} ${count === 1 ? 'was' : 'were'} refused: ${refusalOf(reason)}`
}

/** A reason of a newer server is told by its name. */
const refusalOf = (reason: string | null): string =>
  Object.entries(SIGN_IN_RESULTS).find(([name]) => name === reason)?.[1] ?? `${reason ?? 'unknown'}.`
