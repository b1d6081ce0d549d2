import type { OAuthError } from '../oauth/oauth-error.ts'
import { ERRORS } from '../refusals/oauth-errors.ts'
import type { AnswerTarget } from './authorization-request.ts'

/** RFC 6749 §4.1.2, RFC 9207 §2 – The answer to the client, which travels through the browser. Every answer names its issuer. */
export type AuthorizationAnswer = Readonly<{
  target: AnswerTarget
  parameters: Readonly<Record<string, string>>
}>

/** RFC 6749 §4.1.2.1 – A refusal that is sent to the client's redirect URI, which has been verified. */
export class AuthorizationRefused extends Error {
  override readonly name = 'AuthorizationRefused'
  readonly answer: AuthorizationAnswer
  readonly refusal: OAuthError

  constructor(answer: AuthorizationAnswer, refusal: OAuthError) {
    super(refusal.message)
    this.answer = answer
    this.refusal = refusal
  }
}

type Answering = Readonly<{ target: AnswerTarget; issuer: string }>

export const codeAnswer = (code: string, { target, issuer }: Answering): AuthorizationAnswer => ({
  target,
  parameters: { code, ...around({ target, issuer }) },
})

export const errorAnswer = (
  { code, description }: OAuthError,
  { target, issuer }: Answering,
): AuthorizationAnswer => ({
  target,
  parameters: { error: ERRORS[code][1], error_description: description, ...around({ target, issuer }) },
})

const around = ({ target: { state }, issuer }: Answering) => ({
  ...(state === null ? {} : { state }),
  iss: issuer,
})

/** RFC 6749 §4.1.2, appendix B – The redirect URI with the answer in its query, which keeps what the query had. */
export const redirectOf = ({ target: { redirect_uri }, parameters }: AuthorizationAnswer): string =>
  `${redirect_uri}${redirect_uri.includes('?') ? '&' : '?'}${new URLSearchParams(parameters).toString()}`
