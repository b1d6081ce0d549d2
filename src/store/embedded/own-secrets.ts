import { randomBytes } from 'node:crypto'
import { createPepper, type Peppers } from '../../domain/base/pepper.ts'
import { demoClient, demoWebClient } from '../../domain/oauth/client.ts'
import { localSecret } from './data-dir.ts'

type Place = Readonly<{ DATA_DIR: string }>

/** The newcomer's clients, and the account with which the demo application is tried. */
export const openDemo = (place: Place & Readonly<{ ISSUER: string }>, default_audience: string) => ({
  ...demoClient(secretOf(place, 'demo-client-secret'), default_audience),
  web: demoWebClient(place.ISSUER),
  account: {
    email: 'demo@example.com',
    password: localSecret(place.DATA_DIR, 'demo-account-password', () =>
      randomBytes(DEMO_PASSWORD_BYTES).toString('base64url'),
    ),
  },
})

/** 96 bits, in 16 characters: the password is typed by hand. */
const DEMO_PASSWORD_BYTES = 12

const secretOf = ({ DATA_DIR }: Place, name: string) =>
  localSecret(DATA_DIR, name, () => randomBytes(32).toString('base64url'))

/** The pepper of the embedded database is generated and kept beside it. */
export const ownPeppers = (place: Place): Peppers => [
  createPepper(Buffer.from(secretOf(place, 'refresh-token-pepper'), 'base64url')),
]

/** The key of the ids of clients that have registered themselves, made by the embedded default in the same way. */
export const ownClientIdKeys = (place: Place): Peppers => [
  createPepper(Buffer.from(secretOf(place, 'client-id-key'), 'base64url')),
]
