import type { KeyStatus, RingKey } from './key-ring.ts'

type Key = Pick<RingKey, 'kid' | 'signs_from'> & Pick<KeyStatus, 'state'>
type KeyEvent = Readonly<{
  kind: 'key.created' | 'key.promoted' | 'key.retired' | 'key.revoked'
  details: Readonly<{ kid: string; signs_from: string | null }>
}>

/** What a change of the key files was, as events. A dropped key that was deleted is none: no token of it is left. */
export const keyEventsOf = (before: readonly Key[], after: readonly Key[]): readonly KeyEvent[] => {
  const stateIn = (keys: readonly Key[], kid: string) => keys.find(key => key.kid === kid)?.state ?? null
  const eventOf = (kind: KeyEvent['kind'], { kid, signs_from }: Key): KeyEvent => ({
    kind,
    details: { kid, signs_from: signs_from?.toISOString() ?? null },
  })
  const there = after.flatMap(key => {
    const former = stateIn(before, key.kid)
    return [
      ...(former === null ? [eventOf('key.created', key)] : []),
      ...(key.state === 'signing' && former !== 'signing' ? [eventOf('key.promoted', key)] : []),
      ...(key.state === 'retired' && former === 'signing' ? [eventOf('key.retired', key)] : []),
    ]
  })
  const gone = before
    .filter(({ kid, state }) => state !== 'dropped' && stateIn(after, kid) === null)
    .map(key => eventOf('key.revoked', key))
  return [...there, ...gone]
}
