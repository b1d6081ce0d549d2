import { describeDevice } from '../../domain/base/user-agent.ts'
import { type Html, html } from '../layout/html.ts'
import type { SignInShown } from './answers.ts'
import { accountPath, clientPath, link, mono, shown, signInPath, stateBadge, table, when } from './parts.ts'

type Shown = Readonly<{
  label: string
  empty: string
  /** Their person is then not named in each row. */
  isOfOneAccount: boolean
}>

/** Sign-ins, the newest first, each with the way to what happened to it. */
export const signInTable = (signIns: readonly SignInShown[], { label, empty, isOfOneAccount }: Shown): Html =>
  table({
    label,
    head: [
      ...(isOfOneAccount ? [] : ['Person']),
      'Client',
      'State',
      'Device',
      'From',
      'Since (UTC)',
      'Last used (UTC)',
      'More',
    ],
    rows: signIns.map(signIn => [
      ...(isOfOneAccount ? [] : [link(accountPath(signIn.sub), shown(signIn.email ?? signIn.sub))]),
      link(clientPath(signIn.client_id), shown(signIn.client_id)),
      stateBadge(signIn.state),
      html`${describeDevice(signIn.user_agent)}`,
      mono(signIn.ip),
      when(signIn.created_at),
      when(signIn.last_used_at),
      link(signInPath(signIn.sid), 'Timeline'),
    ]),
    empty,
  })
