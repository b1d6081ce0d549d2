import { INTROSPECTOR } from '../clients.ts'
import type { FamilyHistory, History } from './history.ts'
import type { Stage } from './stage.ts'

type Row = Readonly<{ id: string; generation: number; revoke_reason: string | null }>

/** Families whose last tokens are presented once more. */
const PRESENTED = 40

/** A line for each invariant that the history breaks, once everything has recovered. */
export const findBreaches = async (stage: Stage, history: History): Promise<readonly string[]> => {
  const rows = await stage.database.sql<Row[]>`
    select id, generation::int as generation, revoke_reason from refresh_families`
  const stored = new Map(rows.map(row => [row.id, row]))
  const families = history.families()
  const inHistory = families.flatMap(known => breachesOf(known, stored.get(known.family.id)))
  const presented = families.filter(({ successors }) => successors.length > 0).slice(-PRESENTED)
  const inAnswers = await Promise.all(presented.map(known => present(stage, known)))
  return [...history.unexpected(), ...inHistory, ...inAnswers.flat()]
}

/** What a family's row says against what its client was told. */
const breachesOf = (
  { family, successors, access_tokens, ending }: FamilyHistory,
  row: Row | undefined,
): readonly string[] => {
  if (row === undefined)
    return access_tokens.length > 0
      ? [`${family.id}: its access token was issued, and it was never stored`]
      : []
  const breaches = {
    'a second branch: a successor is not that of its generation': successors.some(
      (token, generation) => token !== family.tokenAt(generation + 1),
    ),
    'an acknowledged rotation was lost': row.generation < successors.length,
    // The client has presented one generation after the other, and the last one perhaps without an answer.
    'a rotation that no client asked for': row.generation > successors.length + 1,
    'an acknowledged ending was undone': ending !== null && ending.at !== null && row.revoke_reason === null,
    'a client that behaves lost its sign-in': ending === null && row.revoke_reason !== null,
    'a retry was judged a theft': row.revoke_reason === 'reuse' || row.revoke_reason === 'forged',
  }
  return Object.entries(breaches).flatMap(([breach, is]) => (is ? [`${family.id}: ${breach}`] : []))
}

/** Asks both instances about a family: an ended one is dead at each, and a living one is refreshed. */
const present = async (
  { instances }: Stage,
  { family, access_tokens, successors, ending }: FamilyHistory,
): Promise<readonly string[]> => {
  const [token, refresh_token] = [access_tokens.at(-1) ?? '', successors.at(-1) ?? '']
  const introspected = await Promise.all(
    instances.map(({ ask }) => ask('/introspect', { form: { token }, headers: INTROSPECTOR })),
  )
  const active = new Set(introspected.map(({ body }) => body['active']))
  if (ending === null) return active.has(false) ? [`${family.id}: a living access token is dead`] : []
  if (ending.at === null) return []
  const { status } = await instances[0].ask('/token', {
    form: { grant_type: 'refresh_token', client_id: 'app', refresh_token },
  })
  return [
    ...(active.has(true) ? [`${family.id}: an ended access token lives`] : []),
    ...(status === 200 ? [`${family.id}: an ended sign-in was refreshed`] : []),
  ]
}
