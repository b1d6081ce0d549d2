import { type AuthorizationAnswer, redirectOf } from '../../domain/authorization/authorization-answer.ts'
import { formTargetsOf } from '../pages/asking.ts'
import { formPostPage } from '../pages/form-post.ts'
import { pageReply } from './page-reply.ts'
import { type Call, NO_STORE, type Reply } from './route.ts'

/** RFC 6749 §4.1.2, OAuth 2.0 Form Post Response Mode – The answer to the client: in the address, or in a form that the browser posts. */
export const answerReply = (call: Call, answer: AuthorizationAnswer): Reply => {
  const { client_id, redirect_uri, response_mode } = answer.target
  const log = { client_id, ...(answer.parameters['error'] ? { error: answer.parameters['error'] } : {}) }
  if (response_mode === 'query')
    return { status: 303, body: null, headers: { ...NO_STORE, Location: redirectOf(answer) }, log }
  const page = formPostPage({
    action: redirect_uri,
    parameters: Object.entries(answer.parameters),
    form_targets: formTargetsOf(redirect_uri),
  })
  return { ...pageReply(call, 200, page), log }
}
