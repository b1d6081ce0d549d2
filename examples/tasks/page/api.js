import { apiFetch } from './auth.js'

export class ApiError extends Error {
  constructor(message, { status, fields = {} } = {}) {
    super(message)
    this.status = status
    this.fields = fields
  }
}

/** Asks the API. Throws an ApiError, whose message can be shown to the person. */
export const ask = async (method, path, body) => {
  const init = { method, body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }
  const response = await apiFetch(`/api${path}`, init).catch(() => {
    throw new ApiError(
      navigator.onLine
        ? 'The server cannot be reached. Please try again in a moment.'
        : 'You are offline. Please try again when you are connected.',
    )
  })
  const answer = await response.json().catch(() => ({}))
  if (response.ok) return answer
  const message = answer.message ?? 'The server cannot answer just now. Please try again in a moment.'
  throw new ApiError(message, { status: response.status, fields: answer.fields })
}

/** The person's own calendar day, which the server cannot know. */
export const today = () => {
  const now = new Date()
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 10)
}
