import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { runProgram } from '../../../src/cli/program.ts'
import { ADMIN_SCOPE, VIEWER_SCOPE } from '../../../src/domain/oauth/scope.ts'
import { CLIENTS, createPepperText } from '../../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { checked } from '../../support/openapi.ts'
import { freePort } from '../../support/services/services.ts'

const SECRET = createPepperText()

/** A server with both of its listeners on sockets, and the environment of a command that may administer it. */
export type Administered = Readonly<{
  deployment: Deployment
  instance: Instance
  environment: Readonly<Record<string, string>>
  close: () => Promise<void>
}>

export const openAdministered = async (): Promise<Administered> => {
  const port = await freePort()
  const ISSUER = `http://localhost:${port}`
  const administering = (client_id: string, scope: string) => ({
    client_id,
    client_secret: SECRET,
    grant_types: ['client_credentials'],
    scope,
    audience: [ISSUER, 'https://api.example'],
  })
  const deployment = await openDeployment([
    ...CLIENTS,
    administering('operator', ADMIN_SCOPE),
    administering('watcher', VIEWER_SCOPE),
    administering('reader', 'read'),
  ])
  const instance = await deployment.start({ environment: { ISSUER } })
  const { internalApp } = instance
  if (internalApp === null) throw new Error('the internal listener is off')
  const internal = checked(internalApp)
  const open = await Promise.all([
    serveOnSocket(port, request => instance.listenable(request)),
    serveOnSocket(await freePort(), request => internal(request)),
  ])
  return {
    deployment,
    instance,
    environment: {
      ISSUER,
      SIGNET_ADMIN_URL: open[1].origin,
      SIGNET_ADMIN_CLIENT_ID: 'operator',
      SIGNET_ADMIN_CLIENT_SECRET: SECRET,
    },
    close: async () => {
      for (const { close } of open) await close()
      await deployment.close()
    },
  }
}

/** Serves on a socket of this machine. */
export const serveOnSocket = async (
  port: number,
  fetch: (request: Request) => Response | Promise<Response>,
) => {
  const server = createAdaptorServer({ fetch }) as Server
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  const close = async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
  return { origin: `http://127.0.0.1:${port}`, close }
}

export type SignetdSaid = Readonly<{ code: number; out: readonly string[]; err: readonly string[] }>

/** Runs `signetd …` in this process; with columns, on a terminal. `out` has its lines as they come. */
export const runSignetd = async (
  environment: Readonly<Record<string, string>>,
  words: readonly string[],
  columns?: number,
  out: string[] = [],
): Promise<SignetdSaid> => {
  const err: string[] = []
  const io = {
    environment,
    out: (line: string) => void out.push(line),
    err: (line: string) => void err.push(line),
    ...(columns === undefined ? {} : { display: { columns } }),
  }
  const code = await runProgram(words, io, async () => {})
  return { code, out, err }
}
