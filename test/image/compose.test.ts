import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { readConfig } from '../../src/config.ts'
import { SETTINGS } from '../../src/settings/index.ts'

/** The part of the Compose Specification that is used here: unknown members are refused. */
const condition = z.enum(['service_started', 'service_healthy', 'service_completed_successfully'])
const duration = z.string().regex(/^\d+(?:ms|s|m|h)$/)
const service = z.strictObject({
  build: z.string().optional(),
  image: z.string(),
  command: z.array(z.string()).optional(),
  restart: z.enum(['no', 'always', 'on-failure', 'unless-stopped']).optional(),
  stop_grace_period: duration.optional(),
  read_only: z.boolean().optional(),
  cap_drop: z.array(z.string()).optional(),
  security_opt: z.array(z.string()).optional(),
  tmpfs: z.array(z.string().startsWith('/')).optional(),
  environment: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
  secrets: z.array(z.string()).optional(),
  volumes: z.array(z.string().regex(/^[\w.-]+:\/[\w./-]+$/)).optional(),
  networks: z.array(z.string()).optional(),
  ports: z.array(z.string().regex(/^127\.0\.0\.1:\d+:\d+$/)).optional(),
  depends_on: z.record(z.string(), z.strictObject({ condition })).optional(),
  healthcheck: z
    .strictObject({ test: z.array(z.string()), interval: duration.optional(), retries: z.int().optional() })
    .optional(),
})
const composeFile = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9_-]*$/),
  services: z.record(z.string(), service),
  networks: z.record(
    z.string(),
    z.strictObject({
      internal: z.boolean().optional(),
      ipam: z.strictObject({ config: z.array(z.strictObject({ subnet: z.string() })) }).optional(),
    }),
  ),
  volumes: z.record(z.string(), z.strictObject({})),
  secrets: z.record(z.string(), z.strictObject({ file: z.string().startsWith('./secrets/') })),
})

describe('compose.yaml', () => {
  const compose = composeFile.parse(parse(readFileSync('compose.yaml', 'utf8'), { merge: true }))
  const { services } = compose
  const instances = Object.entries(services).filter(([name]) => name.startsWith('signet-'))
  const ours = Object.values(services).filter(({ image }) => image === 'signet')

  it('refers only to networks, volumes, secrets and services that it defines', () => {
    for (const { networks = [], volumes = [], secrets = [], depends_on = {} } of Object.values(services)) {
      for (const name of networks) expect(compose.networks).toHaveProperty(name)
      for (const volume of volumes) expect(compose.volumes).toHaveProperty(volume.split(':')[0] ?? '')
      for (const name of secrets) expect(compose.secrets).toHaveProperty(name)
      for (const [name, { condition }] of Object.entries(depends_on)) {
        expect(services).toHaveProperty(name)
        if (condition === 'service_healthy') expect(services[name]?.healthcheck).toBeDefined()
      }
    }
  })

  it('runs two instances on shared keys after the migration', () => {
    expect(instances).toHaveLength(2)
    for (const [, { command, depends_on, volumes }] of instances) {
      expect(command).toEqual(['serve'])
      expect(depends_on?.['migrate']?.condition).toBe('service_completed_successfully')
      expect(volumes).toEqual(['state:/var/lib/signet'])
    }
    expect(services['migrate']?.command).toEqual(['migrate'])
    expect(services['migrate']?.restart).toBeUndefined()
  })

  it('gives our containers a read-only root, no capabilities and no secret in the environment', () => {
    const secret = Object.entries(SETTINGS).flatMap(([name, setting]) => ('isSecret' in setting ? name : []))
    expect(ours).toHaveLength(3)
    for (const { read_only, cap_drop, environment = {}, secrets = [] } of ours) {
      expect({ read_only, cap_drop }).toEqual({ read_only: true, cap_drop: ['ALL'] })
      // Redis has no password, as it is on a network of its own.
      expect(secret.filter(name => name in environment && name !== 'REDIS_URL')).toEqual([])
      const files = Object.values(environment).filter(value => String(value).startsWith('/run/secrets/'))
      expect(files.map(file => String(file).slice('/run/secrets/'.length)).toSorted()).toEqual(
        secrets.toSorted(),
      )
    }
  })

  it('has settings with which the server starts', () => {
    for (const [, { environment = {} }] of instances) {
      const given = Object.entries(environment).map(([name, value]): [string, string] => [
        name,
        String(value),
      ])
      const { DATABASE_URL_FILE: _, REFRESH_TOKEN_PEPPER_FILE: __, ...plain } = Object.fromEntries(given)
      const reading = readConfig({
        ...plain,
        ISSUER: 'https://id.example.com',
        HOST: '0.0.0.0',
        DATABASE_URL: 'postgres://signet@postgres/signet',
        REFRESH_TOKEN_PEPPER: Buffer.alloc(32, 1).toString('base64url'),
      })
      expect(reading).toHaveProperty('config')
    }
  })

  it('publishes ports on loopback only, and neither metrics nor the database', () => {
    const published = Object.values(services).flatMap(({ ports = [] }) => ports)
    expect(published).toEqual(['127.0.0.1:8081:8080', '127.0.0.1:8082:8080'])
    expect(compose.networks['data']?.internal).toBe(true)
  })
})
