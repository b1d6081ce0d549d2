import { type Call, type Handle, NO_STORE, type Reply } from './route.ts'

/** W3C Resource Hints – A browser that loads an address in case it is needed does nothing by it: it asks again when the person goes there. */
const isPrefetch = ({ header }: Call): boolean =>
  /\bprefetch\b/.test(header('sec-purpose') ?? header('purpose') ?? '')

const NOT_NOW: Reply = { status: 503, body: null, headers: NO_STORE, isNoFault: true }

/** RFC 9110 §9.3.2 – What would only be known by doing the work is left out of the answer to a HEAD. */
const NOTHING_DONE: Reply = { status: 200, body: '', headers: NO_STORE }

/** RFC 9110 §9.2.1 – Wraps a GET that changes something, or issues something: a HEAD and a prefetch come without a person behind them. */
export const onVisit =
  (handle: Handle): Handle =>
  async call => {
    if (isPrefetch(call)) return NOT_NOW
    return call.context.req.method === 'HEAD' ? NOTHING_DONE : handle(call)
  }
