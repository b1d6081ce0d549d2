/** What keeps Signet from starting, as one line for the operator: what is wrong and what to do. Never shown to a client. */
export class Fault extends Error {
  override readonly name = 'Fault'
}
