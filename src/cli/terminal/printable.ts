/** A terminal could interpret control and format characters, which names, User-Agents and registrations may have. */
export const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}]/gu, '\ufffd')
