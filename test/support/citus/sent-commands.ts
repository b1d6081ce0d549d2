import postgres, { type Sql } from 'postgres'

/** A command that the coordinator of Citus has sent to a worker, which is known by its port. */
export type SentCommand = Readonly<{ command: string; port: string }>

/** A connection to the coordinator that reports the commands that Citus sends to the workers. */
export const openSentCommands = (url: string) => {
  const sent: SentCommand[] = []
  const sql = postgres(url, {
    max: 1,
    fetch_types: false,
    onnotice: ({ message = '', detail = '' }) => {
      const [, port] = /^on server \S+:(\d+)/.exec(detail) ?? []
      if (port !== undefined) sent.push({ command: message, port })
    },
  })
  return {
    sql,
    /** The commands of `work`, which runs on this connection alone. */
    sentBy: async (work: (sql: Sql) => Promise<unknown>): Promise<readonly SentCommand[]> => {
      sent.length = 0
      await sql`set citus.log_remote_commands = on`
      await work(sql)
      await sql`set citus.log_remote_commands = off`
      return [...sent]
    },
    close: () => sql.end({ timeout: 5 }),
  }
}

export const countPrepared = (sent: readonly SentCommand[]): number =>
  sent.filter(({ command }) => command.startsWith('issuing PREPARE TRANSACTION')).length
