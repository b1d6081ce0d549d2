const DAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']
const DAY_NAMES = DAYS.flatMap(day => [day, day.slice(0, 3)]).join('|')

/** The words for a day that `dayOf` understands, for a pattern. */
export const DAY_WORDS = `today|tomorrow|(?:next )?(?:${DAY_NAMES})|\\d{4}-\\d\\d-\\d\\d`

const plus = (today, days) => {
  const date = new Date(`${today}T00:00:00Z`)
  date.setUTCDate(date.getUTCDate() + days)
  return date.toISOString().slice(0, 10)
}

/** The day that a word means for a person whose calendar says `today`; "friday" is the next one. */
export const dayOf = (words, today) => {
  const word = words.toLowerCase().replace('next ', '')
  if (/^\d/.test(word)) return word
  if (word === 'today') return today
  if (word === 'tomorrow') return plus(today, 1)
  const weekday = DAYS.findIndex(day => day.startsWith(word))
  const ahead = (weekday - new Date(`${today}T00:00:00Z`).getUTCDay() + 7) % 7
  return plus(today, ahead === 0 ? 7 : ahead)
}

export const spokenDay = (day, today) => {
  if (day === today) return 'today'
  if (day === plus(today, 1)) return 'tomorrow'
  const year = day.slice(0, 4) === today.slice(0, 4) ? {} : { year: 'numeric' }
  const format = { weekday: 'long', day: 'numeric', month: 'long', ...year, timeZone: 'UTC' }
  return new Date(`${day}T00:00:00Z`).toLocaleDateString('en-GB', format)
}
