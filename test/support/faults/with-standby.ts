import { connect, openCluster } from '../services/cluster.ts'
import type { Service } from '../services/services.ts'

type WithStandby = Service &
  Readonly<{
    /** Stops the process of the standby that receives and confirms, until the returned function is called. */
    hang: () => Promise<() => void>
  }>

/** The primary of a cluster whose standby confirms each commit. */
export const startWithStandby = async (): Promise<WithStandby> => {
  const { primary, standby, attach, close } = await openCluster()
  try {
    await attach()
  } catch (error) {
    await close()
    throw error
  }
  let goOn = () => {}
  return {
    url: `postgres://signet@127.0.0.1:${primary.port}/postgres`,
    stop: async () => {
      goOn()
      await close()
    },
    hang: async () => {
      const sql = connect(standby.port)
      const [receiver] = await sql<{ pid: number }[]>`select pid from pg_stat_wal_receiver`
      await sql.end()
      if (receiver === undefined) throw new Error('the standby receives nothing')
      process.kill(receiver.pid, 'SIGSTOP')
      goOn = () => {
        goOn = () => {}
        process.kill(receiver.pid, 'SIGCONT')
      }
      return () => goOn()
    },
  }
}
