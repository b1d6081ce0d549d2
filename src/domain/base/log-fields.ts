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
