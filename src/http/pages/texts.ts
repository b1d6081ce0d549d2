import type { Language } from '../../domain/base/language.ts'

const ENGLISH = {
  confirm: 'Confirm your e-mail address',
  confirmHelp: 'Press the button to confirm that this e-mail address is yours.',
  confirmButton: 'Confirm',
  confirmed: 'Your e-mail address is confirmed',
  reset: 'Choose a new password',
  resetHelp: 'It ends every sign-in to your account.',
  newPassword: 'New password',
  resetButton: 'Set the password',
  resetDone: 'Your new password is set',
  closeHelp: 'You may close this page, and sign in where you always do.',
  gone: 'This link is not valid, or not any more',
  goneHelp: 'A link works once, for 30 minutes, and until the password is changed. Ask for another one.',
  taken: 'This e-mail address is in use',
  takenHelp: 'Another account has it by now. Nothing was changed.',
  later: 'Please try again in a moment',
  laterHelp: 'Go back and try again: the link still works.',
  foreign: 'This form was not sent from this site',
  foreignHelp: 'Nothing was changed. Open the link in the mail again.',
  refused: 'Please choose another password',
  /** What the account API says of a password. */
  sayFault: (detail: string): string => `it ${detail}`,
}

export type Texts = Readonly<typeof ENGLISH>

const GERMAN_FAULTS: readonly (readonly [RegExp, string])[] = [
  [/^must be (\d+) characters or more$/, 'mindestens $1 Zeichen'],
  [/^must be (\d+) bytes of UTF-8 at most$/, 'höchstens $1 Byte in UTF-8'],
  [/^must not hold a NUL character$/, 'kein NUL-Zeichen'],
  [/^must not be one of the most common passwords$/, 'keines der häufigsten'],
  [
    /^must not be made of the e-mail or the name of the product$/,
    'nicht aus der E-Mail-Adresse oder dem Namen des Produkts',
  ],
]

/** The words of the pages. */
export const TEXTS: Readonly<Record<Language, Texts>> = {
  en: ENGLISH,
  de: {
    confirm: 'Bestätigen Sie Ihre E-Mail-Adresse',
    confirmHelp: 'Bestätigen Sie mit der Schaltfläche, dass diese E-Mail-Adresse Ihre ist.',
    confirmButton: 'Bestätigen',
    confirmed: 'Ihre E-Mail-Adresse ist bestätigt',
    reset: 'Wählen Sie ein neues Passwort',
    resetHelp: 'Es beendet jede Anmeldung an Ihrem Konto.',
    newPassword: 'Neues Passwort',
    resetButton: 'Passwort setzen',
    resetDone: 'Ihr neues Passwort ist gesetzt',
    closeHelp: 'Sie können diese Seite schließen und sich anmelden, wo Sie es immer tun.',
    gone: 'Dieser Link gilt nicht oder nicht mehr',
    goneHelp:
      'Ein Link gilt einmal, 30 Minuten lang und bis das Passwort geändert ist. Fordern Sie einen neuen an.',
    taken: 'Diese E-Mail-Adresse ist vergeben',
    takenHelp: 'Sie gehört inzwischen zu einem anderen Konto. Es wurde nichts geändert.',
    later: 'Bitte versuchen Sie es gleich noch einmal',
    laterHelp: 'Gehen Sie zurück und versuchen Sie es erneut: der Link gilt noch.',
    foreign: 'Dieses Formular kam nicht von dieser Seite',
    foreignHelp: 'Es wurde nichts geändert. Öffnen Sie den Link in der Mail noch einmal.',
    refused: 'Bitte wählen Sie ein anderes Passwort',
    sayFault: (detail: string) =>
      GERMAN_FAULTS.reduce((text, [english, german]) => text.replace(english, german), detail),
  },
}
