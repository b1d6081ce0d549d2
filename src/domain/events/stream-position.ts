/**
 * How far the stream of events was read. `tag` distinguishes the place from one with the same number in another past of the database; null:
 * no event is known to have had the place.
 */
export type StreamPosition = Readonly<{ number: number; tag: string | null }>

/** A sixteenth digit would not be exact in JavaScript. The tag is the random end of the id of an event. */
const FORM = /^(0|[1-9]\d{0,14})(?:-([0-9a-f]{12}))?$/

/** Ours (docs/decisions/0065) – A position as followers remember it: the number, and the tag where one is known. */
export const positionText = ({ number, tag }: StreamPosition): string =>
  tag === null ? String(number) : `${number}-${tag}`

/** Reads `positionText`. Null: another form. */
export const parsePosition = (text: string): StreamPosition | null => {
  const [, number, tag = null] = FORM.exec(text) ?? []
  return number === undefined ? null : { number: Number(number), tag }
}

/** The position behind an event. */
export const positionBehind = ({ id, number }: Readonly<{ id: string; number: number }>): StreamPosition => ({
  number,
  tag: id.slice(-12),
})
