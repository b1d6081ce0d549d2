/**
 * Everything that is recorded as an event, and in words for an operator. A refresh and a token for a client are no events: they are counted.
 * docs/events.md follows this table.
 */
export const EVENT_KINDS = {
  'sign_in.opened': 'A person signed in at a client: a sign-in was opened.',
  'sign_in.refused': 'An attempt to sign in was refused.',
  'sign_in.stepped_up':
    'A sign-in was replaced by one with another factor. The event is of the new one; `details.replaces` names the former.',
  'sign_in.ended': 'A sign-in ended before it expired, for the reason that the event names.',
  'refresh_token.reused': 'A refresh token was presented a second time. The sign-in ended.',
  'refresh_token.forged': 'A refresh token was presented that this server never issued. The sign-in ended.',
  'refresh_token.answered_elsewhere':
    'A superseded refresh token was answered at another address than that of the latest rotation.',
  'access_token.revoked': 'A single access token was revoked.',
  'code.replayed': 'An authorization code was presented a second time. What it had bought ended.',
  'session.opened': 'A person signed in on the pages: a browser session was opened, or proved anew.',
  'session.ended': 'A browser session was signed out.',

  'account.registered': 'A person opened an account.',
  'account.created': 'An operator, or an identity provider, opened an account for a person.',
  'account.imported': 'Accounts were imported, by batch.',
  'account.disabled': 'An operator disabled an account.',
  'account.enabled': 'An operator enabled an account again.',
  'account.deleted': 'An account was deleted, by its owner or an operator.',
  'account.roles_changed': 'An operator changed the roles of an account.',
  'account.external_id_changed': 'An operator changed the id that another system has for an account.',
  'account.profile_changed': 'The claims of a profile were changed.',
  'account.email_changed': 'The e-mail of an account was changed.',
  'account.email_verified': 'The owner of an account proved to read its mail.',
  'account.password_changed': 'A password was changed, by its owner or an operator.',
  'account.password_reset': 'A password was set anew by a mailed link.',
  'account.exported': 'Everything that is kept of a person was exported, by its owner or an operator.',
  'account.everything_revoked': 'Everything that was issued to a person was revoked.',
  'invitation.sent': 'A person was invited to open an account.',

  'factor.totp_added': 'An authenticator application was added to an account.',
  'factor.totp_removed': 'The authenticator application was removed from an account.',
  'factor.passkey_added': 'A passkey was added to an account.',
  'factor.passkey_removed': 'A passkey was removed from an account.',
  'factor.recovery_codes_made': 'New recovery codes were made; the former ones are void.',
  'factor.recovery_code_spent': 'A recovery code was spent.',
  'factor.all_removed': 'An operator removed every second factor of an account.',
  'identity.linked': 'An identity of another provider was linked to an account.',
  'identity.unlinked': 'An identity of another provider was unlinked from an account.',

  'consent.granted': 'A person granted something to a client.',
  'consent.withdrawn': 'A person, or an operator, withdrew what was granted to a client.',

  'client.registered':
    'A client registered itself, and has a row. Most have none: their id holds the registration.',
  'client.created': 'An operator created a client.',
  'client.changed': 'A client was changed: by an operator, or by itself.',
  'client.secret_added': 'A client got another secret.',
  'client.disabled': 'A client was disabled.',
  'client.enabled': 'A client was enabled again.',
  'client.deleted': 'A client was deleted.',
  'client.everything_revoked': 'Everything that was issued to a client was revoked.',
  'registration_token.created': 'An operator created an initial access token for registrations.',

  'key.created': 'A signing key was created, and is announced.',
  'key.promoted': 'A signing key began to sign.',
  'key.retired': 'A signing key no longer signs, and is still published.',
  'key.revoked': 'A signing key was revoked: tokens that it signed are worth nothing.',

  'database.restored':
    'An operator restored a backup: every sign-in of before ended, and what happened after the backup is not among the events.',
} as const satisfies Readonly<Record<string, string>>

export type EventKind = keyof typeof EVENT_KINDS
