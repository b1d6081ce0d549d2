import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments, parseDocument } from 'yaml'
import { z } from 'zod'
import { readConfig } from '../../src/config.ts'
import { FINISH_SECONDS, IDLE_SECONDS } from '../../src/http/server/listener.ts'
import { SETTINGS } from '../../src/settings/index.ts'
import { askApp } from '../support/bindings.ts'
import { openDeployment } from '../support/deployment.ts'

const HERE = 'examples/deploy/kubernetes'
const require = createRequire(import.meta.url)

/** Seconds for what a process closes after its last request: mails and deliveries that are under way, its connections. */
const CLOSE_SECONDS = 5

const drainSecondsOf = (settings: Readonly<Record<string, string>>): number => {
  const REFRESH_TOKEN_PEPPER = Buffer.alloc(32, 7).toString('base64url')
  const { DRAIN_SECONDS = '' } = settings
  const served = { DATABASE_URL: 'postgres://signet:secret@postgres.data.svc/signet', REFRESH_TOKEN_PEPPER }
  const reading = readConfig({ ...served, DRAIN_SECONDS })
  if ('faults' in reading) throw new Error(reading.faults.join())
  return reading.config.DRAIN_SECONDS
}

const named = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.object({ name: z.string() }),
})
type Manifest = z.infer<typeof named>

const pod = z.object({
  metadata: z.object({ labels: z.record(z.string(), z.string()) }),
  spec: z.object({
    containers: z.array(
      z.object({
        image: z.string(),
        args: z.array(z.string()).optional(),
        envFrom: z.array(z.object({ configMapRef: z.object({ name: z.string() }) })).optional(),
        ports: z.array(z.object({ name: z.string(), containerPort: z.int() })).optional(),
        volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })),
        securityContext: z.object({
          readOnlyRootFilesystem: z.literal(true),
          allowPrivilegeEscalation: z.literal(false),
        }),
      }),
    ),
    securityContext: z.object({ runAsNonRoot: z.literal(true), runAsUser: z.literal(1000) }),
    volumes: z.array(z.looseObject({ name: z.string() })),
  }),
})

describe('the manifests for Kubernetes', () => {
  const manifests: readonly Manifest[] = readdirSync(HERE).flatMap(file =>
    parseAllDocuments(readFileSync(`${HERE}/${file}`, 'utf8')).map(document => named.parse(document.toJS())),
  )
  const one = (kind: string, name?: string): Manifest => {
    const found = manifests.find(
      manifest => manifest.kind === kind && (name === undefined || manifest.metadata.name === name),
    )
    if (found === undefined) throw new Error(`there is no ${kind} ${name ?? ''}`)
    return found
  }
  const templateOf = (kind: string) =>
    z.object({ spec: z.object({ template: pod }) }).parse(one(kind)).spec.template
  const { data: settings } = z.object({ data: z.record(z.string(), z.string()) }).parse(one('ConfigMap'))

  it('have values that Kubernetes takes', () => {
    for (const manifest of manifests) {
      const models: Readonly<Record<string, new (data: object) => { validate: () => void }>> = require(
        `kubernetes-models/${manifest.apiVersion}`,
      )
      const Model = models[manifest.kind]
      if (Model === undefined) throw new Error(`no schema of ${manifest.kind}`)
      new Model(manifest).validate()
    }
  })

  it('have no field that Kubernetes does not know', () => {
    // As literals of TypeScript, where a field too many does not compile. The validator passes over such a field.
    const directory = mkdtempSync(join(tmpdir(), 'signet-manifests-'))
    try {
      symlinkSync(resolve('node_modules'), join(directory, 'node_modules'))
      const literals = manifests.map(
        (manifest, index) =>
          `export const m${index}: import('kubernetes-models/${manifest.apiVersion}').I${manifest.kind} = ${JSON.stringify(manifest)}`,
      )
      writeFileSync(join(directory, 'manifests.ts'), literals.join('\n'))
      writeFileSync(
        join(directory, 'tsconfig.json'),
        JSON.stringify({
          compilerOptions: {
            strict: true,
            noEmit: true,
            skipLibCheck: true,
            module: 'esnext',
            moduleResolution: 'bundler',
          },
        }),
      )
      execFileSync(resolve('node_modules/.bin/tsc'), ['-p', directory], { encoding: 'utf8' })
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })

  it('name settings that Signet has, with values that it takes', () => {
    for (const name of Object.keys(settings))
      expect(SETTINGS).toHaveProperty(name.replace(/_FILE$/, name === 'CLIENTS_FILE' ? '_FILE' : ''))
    const secrets: Record<string, string> = {
      DATABASE_URL_FILE: 'postgres://signet:secret@postgres.data.svc/signet',
      REFRESH_TOKEN_PEPPER_FILE: Buffer.alloc(32, 7).toString('base64url'),
    }
    const environment = Object.fromEntries(
      Object.entries({ NODE_ENV: 'production', HOST: '0.0.0.0', ...settings }).map(([name, value]) =>
        name in secrets ? [name.replace(/_FILE$/, ''), secrets[name]] : [name, value],
      ),
    )
    expect(readConfig(environment)).toHaveProperty('config.ISSUER', settings['ISSUER'])
  })

  it('mount what the settings name, and run one image as a user without rights', () => {
    const [server, migrate] = [templateOf('Deployment'), templateOf('Job')]
    const container = server.spec.containers[0]
    const mounts = container?.volumeMounts.map(({ mountPath }) => mountPath) ?? []
    for (const [name, path] of Object.entries(settings))
      if (name.endsWith('_FILE') || name.endsWith('_DIR'))
        expect(
          mounts.some(mount => path.startsWith(`${mount}/`)),
          path,
        ).toBe(true)
    for (const { spec } of [server, migrate])
      for (const { volumeMounts } of spec.containers)
        for (const { name } of volumeMounts) expect(spec.volumes.map(volume => volume.name)).toContain(name)
    expect(migrate.spec.containers.map(({ image, args }) => [image, args])).toEqual([
      [container?.image, ['migrate']],
    ])
    expect(container?.envFrom).toEqual([{ configMapRef: { name: 'signet' } }])
  })

  it('select the instances, and no job, by their labels', () => {
    const { labels } = templateOf('Deployment').metadata
    const selectors = [
      z.object({ spec: z.object({ selector: z.object({ matchLabels: z.record(z.string(), z.string()) }) }) }),
    ].flatMap(shape =>
      ['Deployment', 'PodDisruptionBudget'].map(kind => shape.parse(one(kind)).spec.selector.matchLabels),
    )
    for (const name of ['signet', 'signet-internal'])
      selectors.push(
        z
          .object({ spec: z.object({ selector: z.record(z.string(), z.string()) }) })
          .parse(one('Service', name)).spec.selector,
      )
    for (const selector of selectors) {
      expect(labels).toMatchObject(selector)
      expect(templateOf('Job').metadata.labels).not.toMatchObject(selector)
    }
    expect(one('HorizontalPodAutoscaler')).toHaveProperty(
      'spec.scaleTargetRef.name',
      one('Deployment').metadata.name,
    )
  })

  it('leave an instance the time to drain, to finish its requests and to close, and see within it that it is not ready', () => {
    const { spec } = z
      .object({
        spec: z.object({
          strategy: z.object({
            rollingUpdate: z.object({ maxUnavailable: z.literal(0), maxSurge: z.int().min(1) }),
          }),
          template: z.object({
            spec: z.object({
              terminationGracePeriodSeconds: z.int(),
              containers: z.array(
                z.object({
                  readinessProbe: z.object({ periodSeconds: z.int(), failureThreshold: z.int() }),
                }),
              ),
            }),
          }),
        }),
      })
      .parse(one('Deployment'))
    const drain_seconds = drainSecondsOf(settings)
    const { terminationGracePeriodSeconds, containers } = spec.template.spec
    const [probe = { periodSeconds: Infinity, failureThreshold: 1 }] = containers.map(
      ({ readinessProbe }) => readinessProbe,
    )
    expect(probe.periodSeconds * probe.failureThreshold).toBeLessThan(drain_seconds)
    expect(terminationGracePeriodSeconds).toBeGreaterThanOrEqual(
      drain_seconds + IDLE_SECONDS + FINISH_SECONDS + CLOSE_SECONDS,
    )
    const compose: unknown = parseDocument(readFileSync('compose.yaml', 'utf8')).toJS({ maxAliasCount: -1 })
    const { services } = z
      .object({
        services: z.object({ 'signet-1': z.object({ stop_grace_period: z.string().regex(/^\d+s$/) }) }),
      })
      .parse(compose)
    expect(Number.parseInt(services['signet-1'].stop_grace_period, 10)).toBeGreaterThanOrEqual(
      drainSecondsOf({}) + IDLE_SECONDS + FINISH_SECONDS + CLOSE_SECONDS,
    )
  })

  it('probe paths and ports that a server has', async () => {
    const probes = JSON.stringify(one('Deployment')).matchAll(
      /"httpGet":\{"path":"([^"]+)","port":"([^"]+)"\}/g,
    )
    const ports = templateOf('Deployment').spec.containers.flatMap(container => container.ports ?? [])
    const deployment = await openDeployment()
    try {
      const signet = await deployment.start()
      for (const [, path = '', port] of probes) {
        expect(ports.map(({ name }) => name)).toContain(port)
        expect((await askApp(signet.app, path)).status).toBe(200)
      }
    } finally {
      await deployment.close()
    }
    const reading = readConfig({})
    if ('faults' in reading) throw new Error(reading.faults.join())
    const { PORT, INTERNAL_PORT } = reading.config
    expect(ports.map(({ containerPort }) => containerPort)).toEqual([PORT, INTERNAL_PORT])
  })
})
