import { errorCodeOf } from '../domain/base/error-code.ts'

const SERVER = 'correct the host and the port'

/** The cause and the remedy, by a pattern for nodemailer's code or message. The first match counts. */
const CAUSES: readonly (readonly [RegExp, string])[] = [
  [/^EAUTH/, 'the mail server refuses the user or the password; correct them'],
  [/^EDNS|ENOTFOUND|EAI_AGAIN/, 'no address is known for the name of the host; correct the name'],
  [/ECONNREFUSED/, `nothing listens there; start the mail server, or ${SERVER}`],
  [/(?:HOST|NET)UNREACH/, 'no route leads to the host; look at the network and the firewall'],
  [
    /STARTTLS|^ETLS/,
    'the mail server offers no STARTTLS; write smtps:// and its port for TLS, or, in a network that you trust, add ?starttls=off',
  ],
  [
    /altnames|ALTNAME/,
    'the certificate of the mail server is for another name; write a host that the certificate names',
  ],
  [/expired/i, 'the certificate of the mail server has expired; renew the certificate'],
  [
    /certificate|self.signed/i,
    'this process does not trust the certificate of the mail server; name the file of its authority in NODE_EXTRA_CA_CERTS',
  ],
  [
    /wrong version number|packet length|EPROTO\b/,
    'the mail server begins without TLS there; write smtp://, or the port for TLS (465)',
  ],
  [
    /TIMEDOUT|timeout/i,
    `nothing answers there in time; look at the firewall, which often closes the ports of mail, or ${SERVER}`,
  ],
  [/^EPROTOCOL|Invalid greeting/, `the server there does not speak SMTP; ${SERVER}`],
]

/** Why the mail server cannot be used, and what to do. Contains no text of the server or of a mail. */
export const describeSmtpFault = (error: unknown): string => {
  const words = [errorCodeOf(error) ?? '', error instanceof Error ? error.message : '']
  const known = CAUSES.find(([pattern]) => words.some(word => pattern.test(word)))?.[1]
  return known ?? `the mail server does not take mail from here; look at its log, or ${SERVER}`
}
