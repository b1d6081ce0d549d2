import type { Sql } from 'postgres'

/** A client of the library's with one connection, or none at the moment. */
type Connection = { readonly sql: Sql; statements: number; isOpen: boolean }

/**
 * The pool: a client of the library's for each connection. Its own pool of several keeps a list of idle connections that grows with
 * each statement, and is searched by each, until all of them are busy at once (postgres.js 3.4.9, queue.js): on a server that is
 * never that busy, a statement took twice the processor time after three hundred thousand.
 * `connect` makes a client, and is told how to say that its connection has ended.
 */
export const createConnections = (count: number, connect: (onClose: () => void) => Sql) => {
  const connections = Array.from({ length: count }, () => {
    const connection: Connection = {
      sql: connect(() => close(connection)),
      statements: 0,
      isOpen: false,
    }
    return connection
  })

  /** Whoever is to be opened next is another one: the library waits before it connects again. */
  const close = (connection: Connection) => {
    connection.isOpen = false
    connections.splice(connections.indexOf(connection), 1)
    connections.push(connection)
  }

  /** The first that is open and idle, so that few are kept warm; else one to open, or that with the least to do. */
  const choose = (): Connection =>
    connections.find(({ statements, isOpen }) => isOpen && statements === 0) ??
    connections.reduce((least, other) => (other.statements < least.statements ? other : least))

  return {
    send: <T>(query: (sql: Sql) => Promise<T>): Promise<T> => {
      const connection = choose()
      const pending = query(connection.sql)
      connection.statements++
      const settle = (isAnswered: boolean) => {
        connection.statements--
        connection.isOpen ||= isAnswered
      }
      pending.then(
        () => settle(true),
        () => settle(false),
      )
      return pending
    },
    end: async (options: { timeout: number }): Promise<void> => {
      await Promise.all(connections.map(({ sql }) => sql.end(options)))
    },
  }
}
