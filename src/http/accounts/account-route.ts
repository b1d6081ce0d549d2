import type { Handle, Route } from '../server/route.ts'

/** The parts of a route that differ within the account API. */
export type AccountRoute = Pick<Route, 'method' | 'path' | 'handle' | 'handsOriginDown'>

export const post = (path: string, handle: Handle): AccountRoute => ({ method: 'POST', path, handle })
