import type { KeyStatus, RingKey } from './key-ring.ts'

type Key = Pick<RingKey, 'kid' | 'signs_from'> & Pick<KeyStatus, 'state' | 'retired_at'>
type KeyEvent = Readonly<{
  kind: 'key.created' | 'key.promoted' | 'key.retired' | 'key.revoked'
  details: Readonly<{ kid: string; signs_from: string | null }>
}>

/**
 * What a change of the key files was, as events. A schedule is in whole seconds, so that a change may take effect a moment later: a time that
 * it has moved ahead counts as well as a state. A dropped key that was deleted is none: no token of it is left.
 */
export const keyEventsOf = (before: readonly Key[], after: readonly Key[]): readonly KeyEvent[] => {
  const findIn = (keys: readonly Key[], kid: string) => keys.find(key => key.kid === kid)
  const eventOf = (kind: KeyEvent['kind'], { kid, signs_from }: Key): KeyEvent => ({
    kind,
    details: { kid, signs_from: signs_from?.toISOString() ?? null },
  })
  const there = after.flatMap(key => {
    const former = findIn(before, key.kid)
    const isPromoted = key.state === 'signing' || isEarlier(key.signs_from, former?.signs_from)
    const isRetired = key.state === 'retired' || isEarlier(key.retired_at, former?.retired_at)
    return [
      ...(former === undefined ? [eventOf('key.created', key)] : []),
      ...(isPromoted && former?.state !== 'signing' ? [eventOf('key.promoted', key)] : []),
      ...(isRetired && former?.state === 'signing' ? [eventOf('key.retired', key)] : []),
    ]
  })
  const gone = before
    .filter(({ kid, state }) => state !== 'dropped' && findIn(after, kid) === undefined)
    .map(key => eventOf('key.revoked', key))
  return [...there, ...gone]
}

const isEarlier = (time: Date | null, former: Date | null | undefined): boolean =>
  time !== null && former !== null && former !== undefined && time < former
