import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findOnPath, freePort } from './services.ts'

type Respond = (response: ServerResponse) => void
type Json = Readonly<Record<string, unknown>>

/** A web server with TLS on 127.0.0.1 that has the metadata documents of clients, and counts who asks for them. */
export const openDocumentHost = async () => {
  const { key, certificate } = createCertificate()
  const port = await freePort()
  const answers = new Map<string, Respond>()
  const asked: string[] = []
  const server = createServer({ key, cert: certificate }, ({ url = '' }, response) => {
    asked.push(url)
    const answer = answers.get(url) ?? (each => void each.writeHead(404).end())
    answer(response)
  })
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  const host = `127.0.0.1:${port}`
  const urlOf = (path: string) => `https://${host}${path}`
  return {
    host,
    urlOf,
    /** PEM. What an instance takes as `authorities`. */
    certificate,
    environment: { CLIENT_ID_DOCUMENTS: 'on', OUTBOUND_ALLOW: '127.0.0.1/32' },
    answer: (path: string, respond: Respond) => void answers.set(path, respond),
    /** Puts a document at a path, by default that of a public client. Returns the `client_id`. */
    publish: (path: string, document: Json = {}, headers: Readonly<Record<string, string>> = {}): string => {
      const client_id = urlOf(path)
      const body = JSON.stringify({
        client_id,
        client_name: 'Agent',
        redirect_uris: ['https://agent.example/callback'],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
        ...document,
      })
      answers.set(
        path,
        response =>
          void response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(body),
      )
      return client_id
    },
    /** How often a path was asked for. */
    countOf: (path: string): number => asked.filter(each => each === path).length,
    asked,
    close: async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

export type DocumentHost = Awaited<ReturnType<typeof openDocumentHost>>

/** A certificate of its own for 127.0.0.1. */
const createCertificate = () => {
  const openssl = findOnPath('openssl')
  if (openssl === null) throw new Error('no openssl')
  const directory = mkdtempSync(join(tmpdir(), 'signet-documents-'))
  const [file, keyFile] = [join(directory, 'certificate.pem'), join(directory, 'key.pem')]
  const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const names = ['-days', '2', '-subj', '/CN=documents', '-addext', 'subjectAltName=IP:127.0.0.1']
  execFileSync(openssl, [...words, ...names, '-keyout', keyFile, '-out', file], { stdio: 'ignore' })
  const made = { key: readFileSync(keyFile, 'utf8'), certificate: readFileSync(file, 'utf8') }
  rmSync(directory, { recursive: true, force: true })
  return made
}
