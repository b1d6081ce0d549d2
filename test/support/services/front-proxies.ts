import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findProxy } from './foreign.ts'
import { answering, freePort, type Service, stopper } from './services.ts'

/** A proxy in front of two instances, configured as docs/deploy.md says, but without TLS and on ports of the test. */
type FrontProxy = 'haproxy' | 'nginx' | 'caddy'

type Front = Readonly<{ port: number; directory: string; snippet: string }>

/** How each program is told of a configuration, in the words around the snippet that an operator has already. */
const PROGRAMS: Readonly<
  Record<FrontProxy, (front: Front) => readonly [text: string, words: readonly string[]]>
> = {
  haproxy: ({ port, directory, snippet }) => [
    snippet.replace(/bind :443 .*/, `bind 127.0.0.1:${port}`),
    ['-db', '-f', join(directory, 'conf')],
  ],
  nginx: ({ port, directory, snippet }) => [
    `daemon off;
    pid ${directory}/pid;
    error_log stderr warn;
    events {}
    http {
      ${snippet
        .replace('listen 443 ssl;', `listen 127.0.0.1:${port};`)
        .replace(/^ *ssl_.*$/gm, '')
        .replace('/var/log/nginx/signet.log', `${directory}/access.log`)}
      client_body_temp_path ${directory}/body;
      proxy_temp_path ${directory}/proxy;
      fastcgi_temp_path ${directory}/fastcgi;
      uwsgi_temp_path ${directory}/uwsgi;
      scgi_temp_path ${directory}/scgi;
    }`,
    ['-e', 'stderr', '-c', join(directory, 'conf')],
  ],
  caddy: ({ port, directory, snippet }) => [
    `{
      admin off
    }
    ${snippet.replace('id.example.com {', `http://127.0.0.1:${port} {`)}`,
    ['run', '--adapter', 'caddyfile', '--config', join(directory, 'conf')],
  ],
}

const FENCES: Readonly<Record<FrontProxy, string>> = {
  haproxy: 'haproxy',
  nginx: 'nginx',
  caddy: 'caddyfile',
}

const snippetOf = (name: FrontProxy): string => {
  const [, snippet] =
    new RegExp(`^\`\`\`${FENCES[name]}\n([\\s\\S]*?)^\`\`\``, 'm').exec(
      readFileSync('docs/deploy.md', 'utf8'),
    ) ?? []
  if (snippet === undefined) throw new Error(`docs/deploy.md has no snippet for ${name}`)
  return snippet
}

/** Starts the proxy, and waits until it passes a request on. `change` makes another configuration of the snippet. */
export const startFrontProxy = async (
  name: FrontProxy,
  instances: readonly [number, number],
  change = (snippet: string) => snippet,
): Promise<Service> => {
  const program = findProxy(name)
  if (program === null) throw new Error(`this suite needs ${name}: guard it with has_proxies`)
  const directory = mkdtempSync(join(tmpdir(), `signet-${name}-`))
  // Started by root, nginx works as another user.
  chmodSync(directory, 0o777)
  const port = await freePort()
  const snippet = change(snippetOf(name))
    .replaceAll('127.0.0.1:8081', `127.0.0.1:${instances[0]}`)
    .replaceAll('127.0.0.1:8082', `127.0.0.1:${instances[1]}`)
  const [text, words] = PROGRAMS[name]({ port, directory, snippet })
  writeFileSync(join(directory, 'conf'), text)
  const server = spawn(program, words, {
    cwd: directory,
    env: { HOME: directory },
    stdio: 'ignore',
  })
  const stop = stopper(server, 'SIGTERM', directory)
  const url = `http://127.0.0.1:${port}`
  await answering(server, stop, async () => {
    const { status } = await fetch(`${url}/livez`)
    if (status !== 200) throw new Error(`${name} answers ${status}`)
  })
  return { url, stop }
}
