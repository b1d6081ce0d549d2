import { z } from 'zod'
import { type Html, html } from '../layout/html.ts'
import type { EventShown } from './answers.ts'
import {
  accountPath,
  clientPath,
  link,
  mono,
  NONE,
  plainWordsOf,
  section,
  shortName,
  shown,
  signInPath,
  stateBadge,
  table,
  when,
} from './parts.ts'

/** The e-mails of people by their `sub`. */
export type People = ReadonlyMap<string, string>

/** Events, the newest first, each with the way to what it is about. */
export const eventTable = (events: readonly EventShown[], people: People = new Map()): Html =>
  table({
    label: 'Events',
    head: ['When (UTC)', 'What', 'Outcome', 'Reason', 'By', 'About', 'From'],
    rows: events.map(event => [
      when(event.at),
      link(`/console/events/${encodeURIComponent(event.id)}`, plainWordsOf(event.kind)),
      html`${stateBadge(event.outcome)}${event.count !== null && event.count > 1 ? html` <span class="muted small">×${event.count}</span>` : null}`,
      event.reason === null ? NONE : html`${plainWordsOf(event.reason)}`,
      actorCellOf(event, people),
      aboutOf(event),
      mono(event.ip),
    ]),
    empty: 'No event.',
  })

/** A person whose e-mail is not known is named by the role in the event: its own person, or an administrator who acts on others. */
export const actorCellOf = ({ actor, sub }: EventShown, people: People = new Map()): Html => {
  if (actor === null) return NONE
  const { type, id } = actor
  if (id === null) return html`${shown(type)}`
  if (type === 'person')
    return link(accountPath(id), shown(people.get(id) ?? (id === sub ? 'the person' : 'an administrator')))
  return type === 'client' ? link(clientPath(id), shown(id)) : html`${shown(type)} ${shown(id)}`
}

export type ChangesShown = Readonly<{ events: readonly EventShown[]; people: People }>

/** What was changed last, and by whom. */
export const changesSection = ({ events, people }: ChangesShown): Html =>
  section({ title: 'Changed last', content: eventTable(events, people) })

/** Of an event about a signing key. */
const OF_KEY = z.object({ kid: z.string() })

const aboutOf = ({ sub, sid, client_id, details }: EventShown): Html => {
  const { data: key } = OF_KEY.safeParse(details)
  const links = [
    ...(key === undefined ? [] : [link('/console/keys', mono(shortName(key.kid)))]),
    ...(sub === null ? [] : [link(accountPath(sub), 'account')]),
    ...(sid === null ? [] : [link(signInPath(sid), 'sign-in')]),
    ...(client_id === null ? [] : [link(clientPath(client_id), shown(client_id))]),
  ]
  return links.length === 0
    ? NONE
    : html`${links.map((each, index) => (index === 0 ? each : html` · ${each}`))}`
}
