import { html } from '../layout/html.ts'
import type { Page } from '../layout/layout.ts'
import type { MatchShown } from './answers.ts'
import { type ConsoleFrame, consolePage } from './frame.ts'
import {
  accountPath,
  clientPath,
  link,
  plainWordsOf,
  section,
  shown,
  signInPath,
  table,
  textOr,
} from './parts.ts'

/** What a text of a log line is. */
export const findPage = (
  frame: ConsoleFrame,
  { q, matches }: Readonly<{ q: string; matches: readonly MatchShown[] }>,
): Page =>
  consolePage(frame, {
    title: q === '' ? 'Find' : `Found for “${shown(q)}”`,
    lead: 'A sub, a sid, a jti, an e-mail or its beginning, an external id, a client, an address, a request id.',
    tab: null,
    q,
    content: section({
      title: 'Matches',
      content: table({
        label: 'Matches',
        head: ['What it is', 'Which', 'Detail'],
        rows: matches.map(match => [
          html`${plainWordsOf(match.kind)}`,
          link(pathOf(match), shown(match.label ?? match.id)),
          textOr(match.note),
        ]),
        empty:
          q === '' ? 'Write something into the field above.' : 'Nothing here has this id, name or address.',
      }),
    }),
  })

/** Where a match is shown: on a page of its own, or in the list of events. */
const pathOf = ({ kind, id }: MatchShown): string => {
  switch (kind) {
    case 'account':
      return accountPath(id)
    case 'sign_in':
      return signInPath(id)
    case 'client':
      return clientPath(id)
    case 'event':
      return `/console/events/${encodeURIComponent(id)}`
    case 'key':
      return '/console/keys'
    case 'access_token':
      return eventsWith('jti', id)
    case 'address':
      return eventsWith('ip', id)
    default:
      return eventsWith('request_id', id)
  }
}

const eventsWith = (name: string, value: string): string =>
  `/console/events?${new URLSearchParams({ [name]: value }).toString()}`
