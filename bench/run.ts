import { cpus } from 'node:os'
import { benchAdministration, benchAdministrationLarge } from './administration.ts'
import { benchCitus } from './citus.ts'
import { benchCode } from './code.ts'
import { benchCrowd } from './crowd.ts'
import { benchDocuments } from './documents.ts'
import { benchEndpoints } from './endpoints.ts'
import { benchFollower } from './follower.ts'
import { benchImport } from './import.ts'
import { benchImportFrom } from './import-from.ts'
import { benchLockedRow } from './locked-row.ts'
import { benchPages, benchPagesCrowd } from './pages.ts'
import { benchPeer } from './peer.ts'
import { benchProof } from './proof.ts'
import { benchRefresh, benchRefreshMillion } from './refresh.ts'
import { benchRegistration } from './registration.ts'
import { benchRotations, benchRotationsMillion } from './rotations.ts'
import { benchSignInTiming, benchSignInTimingImported } from './sign-in-timing.ts'
import { benchSoak } from './soak.ts'
import { benchStart } from './start.ts'
import { type Bench, format, isReached } from './support/report.ts'
import { openWorld } from './support/world.ts'
import { benchToken } from './token.ts'

/** Every benchmark: its name, what its heading says, and whether it runs when none is named. */
const BENCHES: Readonly<Record<string, readonly [heading: string, bench: Bench, when?: 'only when named']>> =
  {
    token: ['client_credentials, 16 connections', benchToken],
    refresh: ['refresh_token, 16 connections, 10 thousand families', benchRefresh],
    code: ['authorization_code with an ID token, 16 connections', benchCode],
    documents: ['refreshes of a client that a document describes, 16 connections', benchDocuments],
    proof: ['a DPoP proof, beside a bare ES256 verification', benchProof],
    registration: ['ten thousand clients register themselves, 16 connections', benchRegistration],
    'refresh-1m': ['refresh_token, 16 connections, 1 million families', benchRefreshMillion],
    'locked-row': ['refreshes beside thirty for one locked family, 16 connections, in turns', benchLockedRow],
    rotations: ['rotations alone, 16 connections, 10 thousand families', benchRotations],
    'rotations-1m': ['rotations alone, 16 connections, 1 million families', benchRotationsMillion],
    citus: ['rotations on the cluster of TEST_CITUS_URL and on plain Postgres, in turns', benchCitus],
    endpoints: ['introspect and revoke at 16 connections, sign-in at 4', benchEndpoints],
    crowd: ['one hundred sign-ins at once', benchCrowd],
    'pages-crowd': ['one hundred people sign in on the pages at once', benchPagesCrowd],
    pages: ['pages, 4 connections', benchPages],
    'sign-in-timing': ['refused sign-ins, 500 of each kind, in turns', benchSignInTiming],
    'sign-in-timing-imported': [
      'the same beside imported digests',
      benchSignInTimingImported,
      'only when named',
    ],
    import: ['one hundred thousand accounts by the command line', benchImport],
    'import-from': [
      'one hundred thousand accounts from the export of each provider',
      benchImportFrom,
      'only when named',
    ],
    start: ['from the start to the first answer', benchStart],
    follower: ['a service that follows a million revocations', benchFollower],
    administration: [
      'lists, search and the overview at a million accounts and a million events',
      benchAdministration,
      'only when named',
    ],
    'administration-10m': ['the same at ten million events', benchAdministrationLarge, 'only when named'],
    peer: ['beside oidc-provider, 16 connections, in turns', benchPeer],
    soak: ['five minutes of refreshes', benchSoak, 'only when named'],
  }

const main = async (names: readonly string[]) => {
  const unknown = names.filter(name => !(name in BENCHES))
  if (unknown.length > 0)
    throw new Error(`no benchmark ${unknown.join(', ')}; there are: ${Object.keys(BENCHES).join(', ')}`)
  const world = await openWorld()
  let missed = 0
  try {
    console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}`)
    for (const [name, [heading, bench, when]] of Object.entries(BENCHES)) {
      if (names.length === 0 ? when === 'only when named' : !names.includes(name)) continue
      console.log(`\n${name}: ${heading}`)
      for (const row of await bench(world)) {
        console.log(format(row))
        if (!isReached(row)) missed += 1
      }
    }
    console.log(missed === 0 ? '\nEvery goal was reached.' : `\n${missed} goals were missed.`)
  } finally {
    await world.close()
  }
}

await main(process.argv.slice(2))
