import { decode, encode } from 'next-auth/jwt'
import { cookie, secret, session_max_age_seconds } from './auth.js'

/** Browsers take 4096 bytes with the name and the attributes. */
const PIECE = 3800

const isPiece = ({ name }) => name === cookie.name || name.startsWith(`${cookie.name}.`)

/** The session with its tokens, for the server alone: `useSession` and `/api/auth/session` show none of them. Null without a session. */
export const readSession = async jar => {
  const numberOf = ({ name }) => Number(name.slice(cookie.name.length + 1))
  const pieces = jar
    .getAll()
    .filter(isPiece)
    .toSorted((a, b) => numberOf(a) - numberOf(b))
  const token = pieces.map(({ value }) => value).join('')
  return decode({ token, secret }).catch(() => null)
}

/** The cookies that hold a session, cut as Auth.js cuts them. An empty value removes a piece that is there no more. */
const piecesOf = async (jar, session) => {
  const sealed =
    session === null ? '' : await encode({ token: session, secret, maxAge: session_max_age_seconds })
  const values = sealed.match(new RegExp(`.{1,${PIECE}}`, 'g')) ?? []
  const pieces = values.map((value, index) => [
    values.length === 1 ? cookie.name : `${cookie.name}.${index}`,
    value,
  ])
  const old = jar
    .getAll()
    .filter(isPiece)
    .map(({ name }) => [name, ''])
  return Object.entries(Object.fromEntries([...old, ...pieces]))
}

/** Replaces the session for the page that is about to be rendered, and then in the browser. Null ends the session. */
export const putSession = async (request, session, respond) => {
  const pieces = await piecesOf(request.cookies, session)
  for (const [name, value] of pieces) {
    if (value === '') request.cookies.delete(name)
    else request.cookies.set(name, value)
  }
  const response = respond()
  for (const [name, value] of pieces)
    response.cookies.set(name, value, {
      ...cookie.options,
      maxAge: value === '' ? 0 : session_max_age_seconds,
    })
  return response
}
