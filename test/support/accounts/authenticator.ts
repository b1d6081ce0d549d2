import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

/** A software authenticator and its browser, which can be made to lie. */

type Algorithm = 'ES256' | 'RS256'

/** The values that an attacker may forge. The default of each is the value of an honest browser and authenticator. */
export type Bent = Readonly<{
  origin?: string
  rp_id?: string
  type?: string
  challenge?: string
  crossOrigin?: boolean
  topOrigin?: string
  /** WebAuthn §6.1 – UP 1, UV 4, BE 8, BS 16, AT 64. */
  flags?: number
  counter?: number
  userHandle?: string
  id?: string
  signature?: Buffer
  /** Signs with another key. */
  key?: KeyObject
  fmt?: string
  attStmt?: ReadonlyMap<unknown, unknown>
}>

type Options = Readonly<{ algorithm?: Algorithm; origin?: string; isSynced?: boolean; counts?: boolean }>

const [UP, UV, BE, BS, AT] = [1, 4, 8, 16, 64] as const

export const createAuthenticator = ({
  algorithm = 'ES256',
  origin = 'http://localhost:8080',
  isSynced = false,
  counts = true,
}: Options = {}) => {
  const { privateKey, publicKey } =
    algorithm === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 })
  const id = randomBytes(32)
  const backup = isSynced ? BE | BS : 0
  let counter = 0
  let userHandle: string | undefined
  const next = () => (counts ? ++counter : 0)

  const authenticatorData = (rp_id: string, bent: Bent, more: Buffer = Buffer.alloc(0)) => {
    const flags = bent.flags ?? UP | UV | backup | (more.length > 0 ? AT : 0)
    const head = Buffer.alloc(37)
    head.set(sha256(Buffer.from(bent.rp_id ?? rp_id)), 0)
    head.writeUInt8(flags, 32)
    head.writeUInt32BE(bent.counter ?? next(), 33)
    return Buffer.concat([head, more])
  }
  const clientData = (type: string, challenge: string, bent: Bent) =>
    Buffer.from(
      JSON.stringify({
        type: bent.type ?? type,
        challenge: bent.challenge ?? challenge,
        origin: bent.origin ?? origin,
        crossOrigin: bent.crossOrigin ?? false,
        ...(bent.topOrigin === undefined ? {} : { topOrigin: bent.topOrigin }),
      }),
    )
  const shown = (bent: Bent) => bent.id ?? id.toString('base64url')

  return {
    id: id.toString('base64url'),
    privateKey,

    /** `navigator.credentials.create()` */
    create: (
      options: Readonly<{ rp: { id: string }; user: { id: string }; challenge: string }>,
      bent: Bent = {},
    ) => {
      userHandle = options.user.id
      const length = Buffer.alloc(2)
      length.writeUInt16BE(id.length)
      const credential = Buffer.concat([Buffer.alloc(16), length, id, cbor(coseOf(publicKey, algorithm))])
      const authData = authenticatorData(options.rp.id, { counter: 0, ...bent }, credential)
      const attestation = new Map<unknown, unknown>([
        ['fmt', bent.fmt ?? 'none'],
        ['attStmt', bent.attStmt ?? new Map()],
        ['authData', authData],
      ])
      return {
        id: shown(bent),
        rawId: shown(bent),
        type: 'public-key',
        response: {
          clientDataJSON: clientData('webauthn.create', options.challenge, bent).toString('base64url'),
          attestationObject: cbor(attestation).toString('base64url'),
          transports: ['internal'],
        },
        clientExtensionResults: {},
      }
    },

    /** `navigator.credentials.get()` */
    get: (
      options: Readonly<{ rpId: string; challenge: string; allowCredentials?: readonly unknown[] }>,
      bent: Bent = {},
    ) => {
      // WebAuthn §6.3.3 – Without a list of allowed credentials the authenticator returns the user handle.
      const handle = bent.userHandle ?? (options.allowCredentials?.length === 0 ? userHandle : undefined)
      const authData = authenticatorData(options.rpId, bent)
      const clientDataJSON = clientData('webauthn.get', options.challenge, bent)
      const signed = Buffer.concat([authData, sha256(clientDataJSON)])
      const signature = bent.signature ?? sign('sha256', signed, bent.key ?? privateKey)
      return {
        id: shown(bent),
        rawId: shown(bent),
        type: 'public-key',
        response: {
          clientDataJSON: clientDataJSON.toString('base64url'),
          authenticatorData: authData.toString('base64url'),
          signature: signature.toString('base64url'),
          ...(handle === undefined ? {} : { userHandle: handle }),
        },
        clientExtensionResults: {},
      }
    },
  }
}

export type Authenticator = ReturnType<typeof createAuthenticator>

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest()

/** RFC 9053 §7.1, RFC 8230 §4 – A public key as COSE. */
const coseOf = (key: KeyObject, algorithm: Algorithm): ReadonlyMap<unknown, unknown> => {
  const { x = '', y = '', n = '', e = '' } = key.export({ format: 'jwk' })
  const bytes = (text: string) => Buffer.from(text, 'base64url')
  const entries: readonly (readonly [number, unknown])[] =
    algorithm === 'ES256'
      ? [
          [1, 2],
          [3, -7],
          [-1, 1],
          [-2, bytes(x)],
          [-3, bytes(y)],
        ]
      : [
          [1, 3],
          [3, -257],
          [-1, bytes(n)],
          [-2, bytes(e)],
        ]
  return new Map(entries)
}

/** RFC 8949 – The part of CBOR that an authenticator uses. */
export const cbor = (value: unknown): Buffer => {
  if (typeof value === 'number') return value >= 0 ? head(0, value) : head(1, -1 - value)
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)])
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value])
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), ...value.map(cbor)])
  if (value instanceof Map)
    return Buffer.concat([head(5, value.size), ...[...value].flatMap(pair => pair.map(cbor))])
  throw new TypeError('an authenticator does not say that')
}

const head = (major: number, length: number): Buffer => {
  if (length < 24) return Buffer.from([(major << 5) | length])
  if (length < 256) return Buffer.from([(major << 5) | 24, length])
  return Buffer.from([(major << 5) | 25, length >> 8, length & 255])
}
