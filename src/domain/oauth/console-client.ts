/** The built-in client of the console. */
export const CONSOLE_CLIENT_ID = 'signet-console'
