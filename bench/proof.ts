import { createPublicKey, verify } from 'node:crypto'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { createJudgeProof } from '../src/grants/dpop.ts'
import type { Bench } from './support/report.ts'
import { median } from './support/statistics.ts'

const ROUNDS = 15
const PROOFS = 2_000
const ISSUER = 'https://id.example'

/** What the server computes for a DPoP proof, without the insert that spends it, against one verification of its signature. */
export const benchProof: Bench = async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = await exportJWK(publicKey)
  const iat = Math.floor(Date.now() / 1000)
  const proof = await new SignJWT({ jti: 'proof', htm: 'POST', htu: `${ISSUER}/token`, iat })
    .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk })
    .sign(privateKey)
  const judge = createJudgeProof({
    spentProofs: { redeem: async () => true },
    clock: () => new Date(iat * 1000),
    issuer: ISSUER,
    proofNonces: null,
  })
  const shown = { proof, method: 'POST', path: '/token', access_token: null }
  if (!('jkt' in (await judge(shown)))) throw new Error('the proof is refused')
  const key = createPublicKey({ key: { ...jwk }, format: 'jwk' })
  const [header, payload, signature = ''] = proof.split('.')
  const [data, bytes] = [Buffer.from(`${header}.${payload}`), Buffer.from(signature, 'base64url')]
  const rounds: Readonly<{ bare: number; ours: number }>[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const bare = await millisecondsOf(() => verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, bytes))
    const ours = await millisecondsOf(() => judge(shown))
    rounds.push({ bare, ours })
  }
  return [
    { what: 'bare ES256 verification', seen: median(rounds.map(({ bare }) => bare)), unit: 'ms' },
    { what: 'a proof, judged', seen: median(rounds.map(({ ours }) => ours)), unit: 'ms' },
    {
      what: 'a proof / bare ES256 verification',
      seen: median(rounds.map(({ ours, bare }) => ours / bare)),
      goal: { most: 1.5 },
    },
  ]
}

const millisecondsOf = async (work: () => unknown): Promise<number> => {
  const began = performance.now()
  for (let each = 0; each < PROOFS; each += 1) await work()
  return (performance.now() - began) / PROOFS
}
