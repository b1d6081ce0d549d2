import { type Call, NO_STORE, type Reply } from './route.ts'

/** W3C Resource Hints – A browser that loads an address in case it is needed does nothing by it: it asks again when the person goes there. */
export const isPrefetch = ({ header }: Call): boolean =>
  /\bprefetch\b/.test(header('sec-purpose') ?? header('purpose') ?? '')

export const NOT_NOW: Reply = { status: 503, body: null, headers: NO_STORE }
