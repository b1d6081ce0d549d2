import { presentAdministeredAccount } from '../../domain/account/administered-account.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { Upstream } from '../../domain/upstream/upstream.ts'
import type { AdministeredAccounts } from '../../ports/administration.ts'
import type { Factors } from '../../ports/factors.ts'
import type { Identities } from '../../ports/identities.ts'

type Needs = Readonly<{
  administeredAccounts: AdministeredAccounts
  factors: Pick<Factors, 'find'>
  identities: Pick<Identities, 'list'>
  upstreams: () => readonly Upstream[]
}>

/**
 * Ours (docs/administration.md) – An account with its factors, its identities elsewhere and its living sign-ins: no secret of them. `etag`
 * names the version of what administrators change. Throws a 404.
 */
export const createShowAccount =
  ({ administeredAccounts, factors, identities, upstreams }: Needs) =>
  async (sub: string) => {
    const [account, { totp, passkeys, recovery_codes }, linked, living_sign_ins] = await Promise.all([
      administeredAccounts.find(sub),
      factors.find(sub),
      identities.list(sub),
      administeredAccounts.countLiving(sub),
    ])
    if (account === null) throw new Problem('NOT_FOUND')
    const upstreamOf = (issuer: string) => upstreams().find(each => each.issuer === issuer)
    const shown = {
      ...presentAdministeredAccount(account),
      factors: {
        totp: totp !== null,
        passkeys: passkeys.map(({ id, label, created_at, last_used_at }) => ({
          id,
          name: label,
          created_at: created_at.toISOString(),
          last_used_at: last_used_at?.toISOString() ?? null,
        })),
        recovery_codes_left: recovery_codes,
      },
      identities: linked.map(({ id, issuer, created_at }) => ({
        id,
        upstream: upstreamOf(issuer)?.id ?? null,
        label: upstreamOf(issuer)?.label ?? issuer,
        linked_at: created_at.toISOString(),
      })),
      living_sign_ins,
    }
    return { account: shown, etag: account.version }
  }

export type ShowAccount = ReturnType<typeof createShowAccount>
