import { describeDevice } from '../../domain/base/user-agent.ts'
import { html } from '../layout/html.ts'
import type { Page } from '../layout/layout.ts'
import type { TimelineShown } from './answers.ts'
import { actorCellOf } from './event-table.ts'
import { type ConsoleFrame, consolePage } from './frame.ts'
import {
  accountPath,
  actionLinks,
  clientPath,
  facts,
  kept,
  link,
  mono,
  NONE,
  plainWordsOf,
  section,
  shown,
  signInPath,
  stateBadge,
  table,
  textOr,
  when,
} from './parts.ts'
import { marksOf, timelineFigure } from './timeline.ts'

/** Why a person was signed out: one sign-in, as a line and as a table. */
export const timelinePage = (frame: ConsoleFrame, timeline: TimelineShown): Page => {
  const { sign_in: signIn, events } = timeline
  const marks = marksOf(timeline)
  const isLiving = signIn.state === 'living'
  return consolePage(frame, {
    title: `Sign-in of ${shown(signIn.email ?? signIn.sub)}`,
    lead: html`<span data-renewed="state">${stateBadge(signIn.state)} ${signIn.because === null ? null : shown(signIn.because)}</span>`,
    tab: 'sign-ins',
    content: kept(
      { sid: signIn.sid },
      html`${frame.isAdmin && isLiving ? actionLinks([{ path: `${signInPath(signIn.sid)}/end`, label: 'End this sign-in', isDangerous: true }]) : null}
${section({
  title: 'What happened',
  content: html`${timelineFigure(marks, isLiving)}
${table({
  label: 'What happened to this sign-in',
  head: ['When (UTC)', 'What happened'],
  rows: marks.map(({ at, text }) => [when(at), html`${text}`]),
  empty: 'Nothing is known of it.',
})}`,
})}
${section({
  title: 'Its events',
  tools: link(`/console/events?sid=${encodeURIComponent(signIn.sid)}`, 'In the list of events'),
  content: table({
    label: 'Events of this sign-in',
    head: ['When (UTC)', 'What', 'Outcome', 'Reason', 'By', 'From', 'Request'],
    rows: events.map(event => [
      when(event.at),
      link(`/console/events/${encodeURIComponent(event.id)}`, plainWordsOf(event.kind)),
      stateBadge(event.outcome),
      event.reason === null ? NONE : html`${plainWordsOf(event.reason)}`,
      actorCellOf(event),
      mono(event.ip),
      mono(event.request_id),
    ]),
    empty: 'No event tells of it.',
  }),
})}
${section({
  title: 'The sign-in',
  content: facts([
    ['Person', link(accountPath(signIn.sub), shown(signIn.email ?? signIn.sub))],
    ['Client', link(clientPath(signIn.client_id), shown(signIn.client_id))],
    ['sid', mono(signIn.sid)],
    ['Generation', signIn.generation === null ? NONE : html`${signIn.generation}`],
    ['Device', html`${describeDevice(signIn.user_agent)}`],
    ['User agent', mono(signIn.user_agent)],
    ['Last address', mono(signIn.ip)],
    ['Methods', textOr(signIn.amr.join(' '))],
    ['Scope', textOr(signIn.scope)],
    ['Since (UTC)', when(signIn.created_at)],
    ['Last used (UTC)', when(signIn.last_used_at)],
    ['Ends unless used (UTC)', when(signIn.idle_expires_at)],
    ['Ends at the latest (UTC)', when(signIn.expires_at)],
    ['Ended (UTC)', when(signIn.ended_at)],
  ]),
})}`,
    ),
  })
}
