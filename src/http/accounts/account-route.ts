import type { Handle, Route } from '../server/route.ts'

/** What is particular to a route of the account API. */
export type AccountRoute = Pick<Route, 'method' | 'path' | 'handle'>

export const post = (path: string, handle: Handle): AccountRoute => ({ method: 'POST', path, handle })
