import { LIMIT_NAMES } from './limit-names.ts'

/** Every field that a line of the log may have, with what it tells. docs/logs.md lists them: a test compares the two. */
export const LOG_FIELDS = {
  level: 'The severity: 30 for information, 40 for a warning, 50 for an error.',
  time: 'The time of the line, in UTC.',
  msg: 'What happened. `request` is the line that every request has when it is answered.',
  event: 'The name of an event that operators look for.',
  component: 'The part of the server, or the helper, that the line is about.',

  request_id: 'The request, as `X-Request-Id` names it to the client. Work that follows the answer keeps it.',
  trace_id: 'The trace of the request, where traces are on: its name in the tracing system.',
  sub: 'The account.',
  sid: 'The sign-in: the `sid` of its tokens, and the id of its refresh family.',
  new_sid: 'The sign-in that a step-up opened in the place of `sid`.',
  client_id: 'The client that asked, or whose token was presented.',

  method: 'The method of the request.',
  path: 'The route that took the request; the path itself where no route did.',
  status: 'The status of the answer.',
  duration_ms: 'Milliseconds from the head of the request to its answer.',
  ip: 'The address of the client, behind the trusted proxies.',
  error: 'The code of a refusal, or what a fault says of itself.',
  reason: 'Why: one of the reasons below.',
  cause: 'What lies behind the reason: the code of a library, or the error of a database.',
  grant_type: 'The grant of a token request.',
  auth_method: 'The method by which a client tried to authenticate.',
  parameter: 'The parameter that is missing.',
  characters: 'The length of an access token that would be too long.',
  retry_after_seconds: 'Seconds after which the client may try again, as it was told.',
  ended_sub: 'The account whose tokens a global revocation ended.',
  ended_client_id: 'The client whose tokens a global revocation ended.',

  mail: 'The mail, by the name of its template. No line has its address or its text.',
  attempts: 'Attempts to send the mail, or to deliver, that have failed.',
  urgent: 'True for a mail that goes out before others.',
  smtp_status: 'The status that the mail server answered.',

  upstream: 'The provider of UPSTREAMS_FILE, by its id.',

  delivery: 'What was to be delivered to the server of a client, or to the webhook of the events.',
  number: 'The place in the stream of the event that was to be delivered.',
  receiver_status: 'The status that this server answered.',

  peer: 'The address that a forwarded header came from.',
  trusted_header: 'The header that TRUSTED_PROXY_HEADER names.',
  claims: 'Names of claims that a hook may not write, twenty at most.',
  faults: 'What is wrong, a sentence each.',
  client_ids: 'The clients that the line is about, twenty at most.',
  language: 'A language of TEMPLATES_DIR.',
  missing: 'How many texts of the pages and mails the language lacks.',
  file: 'The file of the key that signs.',
  kids: 'The keys that are in use, by their `kid`.',
  host: 'The address on which the public listener listens.',
  port: 'The port of a listener: the one that is taken, or the one that is open.',
  database_host: 'The host of DATABASE_URL that the line is about.',
  timeline: 'The timeline of Postgres that a host has: each promotion raises it.',
  newest_timeline: 'The highest timeline that has been seen.',
  phase: 'What the start on the embedded database is doing.',
  issuer:
    'The issuer, as clients compare it; of a global revocation, the identity provider that asked for it.',
  dropped:
    'Lines of the log that standard output did not take, or refused sign-ins that were not recorded as events.',
} as const satisfies Readonly<Record<string, string>>

export type LogField = keyof typeof LOG_FIELDS
export type LogFields = Readonly<Partial<Record<LogField, unknown>>>

/** What a line names a sign-in by, in the words of its tokens. What is not known is left out. */
export type AboutSignIn = Readonly<{
  sub?: string | undefined
  sid?: string | undefined
  client_id?: string | undefined
}>

/** The same, with the request that caused the line. */
export type AboutRequest = AboutSignIn & Readonly<{ request_id: string }>

/** Names a sign-in by its refresh family. */
export const aboutFamily = (
  family: Readonly<{ id: string; user_id: string | null; client_id: string }>,
): AboutSignIn => aboutSignIn({ sub: family.user_id, sid: family.id, client_id: family.client_id })

/** The log fields of a sign-in, named like the claims of its tokens. Fields without a value are left out. */
export const aboutSignIn = ({
  sub,
  sid,
  client_id,
}: Readonly<{ [Name in keyof AboutSignIn]?: string | null | undefined }>): AboutSignIn => {
  // Assigned one by one: V8 11 takes a microsecond for three spreads, and every refresh pays it.
  const about: { -readonly [Name in keyof AboutSignIn]: AboutSignIn[Name] } = {}
  if (sub) about.sub = sub
  if (sid) about.sid = sid
  if (client_id) about.client_id = client_id
  return about
}

/** The reasons behind the codes of problems, by the code. A code without an entry has one reason, itself. */
export const PROBLEM_REASONS = {
  REQUEST_MALFORMED: ['body_cut_off', 'neither_or_both', 'sub_id', 'client_id'],
  INVITATION_INVALID: ['invitation_unknown', 'invitation_spent_meanwhile'],
  LINK_INVALID: ['link_of_another_purpose', 'link_spent_meanwhile', 'already_confirmed'],
  AUTHORIZATION_REQUEST_INVALID: [
    'request_too_long',
    'parameter_repeated',
    'client_unknown',
    'redirect_uri_not_registered',
    'request_uri_invalid',
  ],
  PAGE_FOREIGN: [
    'page_seal_missing',
    'page_seal_of_another_browser',
    'session_of_another_page',
    'demo_answer_foreign',
  ],
  ORIGIN_NOT_ALLOWED: ['foreign_page', 'cookie_origin', 'origin_of_another_client'],
  SCOPE_INSUFFICIENT: ['scope_absent', 'role_absent', 'viewer_changes'],
  AUTHENTICATION_UNMET: ['no_second_factor'],
  AUTH_CREDENTIALS_INVALID: [
    'email_unknown',
    'account_disabled',
    'password_wrong',
    'credentials_changed_meanwhile',
  ],
  AUTH_TOKEN_MISSING: ['cookie_origin', 'cookie_missing'],
  AUTH_TOKEN_INVALID: [
    'issuer_jwt_refused',
    'issuer_jwt_replayed',
    'not_a_bearer_token',
    'token_bound',
    'token_not_bound',
    'token_of_another_key',
    'malformed',
    'foreign_issuer',
    'foreign_audience',
    'client_unknown',
    'not_first_party',
    'registration_changed',
    'credentials_unknown',
    'not_of_console',
    'not_of_operator',
    'revoked',
    'no_sign_in',
    'credentials_changed_meanwhile',
    'ended_meanwhile',
    'refresh_malformed',
    'refresh_not_first_party',
    'refresh_not_current',
    'refresh_reused',
    'refresh_forged',
  ],
  AUTH_TOKEN_EXPIRED: ['expired'],
  AUTH_PROOF_INVALID: [
    'malformed',
    'key_unacceptable',
    'signature_wrong',
    'foreign_method',
    'foreign_address',
    'not_recent',
    'foreign_token',
    'nonce_wrong',
    'replayed',
  ],
  AUTH_SECOND_FACTOR_REQUIRED: ['second_factor_required'],
  AUTH_SECOND_FACTOR_INVALID: [
    'totp_absent',
    'totp_unreadable',
    'totp_wrong',
    'totp_replayed',
    'recovery_code_unknown',
    'passkey_unknown',
    'passkey_assertion',
    'passkey_counter',
    'passkey_of_another',
    'user_handle_absent',
  ],
  AUTH_CEREMONY_OVER: [
    'sign_in_over',
    'passkey_sign_in_over',
    'step_up_over',
    'totp_enrolment_over',
    'passkey_enrolment_over',
    'client_gone',
  ],
  AUTH_STEP_UP_REQUIRED: ['one_factor', 'not_fresh', 'refresh_token_not_shown'],
  NOT_FOUND: [
    'no_second_factor',
    'totp_absent',
    'passkey_absent',
    'subject_unknown',
    'status_list_malformed',
    'status_list_unknown',
  ],
  UPSTREAM_OVER: ['state_unknown', 'attempt_expired', 'answer_replayed', 'session_changed'],
  UPSTREAM_INVALID: ['upstream_error', 'issuer_wrong', 'code_refused', 'answer_malformed', 'id_token'],
  UPSTREAM_NOT_RECENT: ['auth_time_old', 'auth_time_absent'],
  UPSTREAM_NOT_ADMITTED: ['email_domain', 'email_absent', 'account_absent', 'account_disabled', 'of_another'],
  UPSTREAM_AWAY: ['unreachable', 'metadata_wrong'],
  CURSOR_GONE: ['cursor_malformed', 'cursor_far_behind', 'cursor_of_another_past'],
  FACTOR_EXISTS: ['totp_exists', 'passkey_exists', 'passkeys_at_most'],
  PAYLOAD_TOO_LARGE: ['body_too_large'],
  FIELDS_INVALID: ['not_first_party', 'factor_unproven', 'sub_id_format'],
  RATE_LIMITED: [...LIMIT_NAMES, 'sign_in_delay', 'large_answers', 'feed_waiting', 'administration_busy'],
} as const

/** The reasons that a code may have; never for a code without an entry. */
export type ProblemReason<C extends string = keyof typeof PROBLEM_REASONS> =
  C extends keyof typeof PROBLEM_REASONS ? (typeof PROBLEM_REASONS)[C][number] : never
