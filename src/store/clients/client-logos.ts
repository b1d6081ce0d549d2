import {
  LOGO_CLAIM_SECONDS,
  LOGO_FRESH_SECONDS,
  LOGO_KEPT_SECONDS,
  LOGO_RETRY_SECONDS,
  LOGOS_AT_MOST,
} from '../../domain/authorization/client-logo.ts'
import type { ClientLogos, LogoDigest } from '../../ports/logos.ts'
import type { Database } from '../postgres/index.ts'

/** Doublings of the time to the next try, after which it no longer grows. */
const DOUBLINGS_AT_MOST = 12

/** Ours (docs/decisions/0038) – The images of `logo_uri`, a row an address. Who fetches one is decided by its `due_at`. */
export const createClientLogos = (database: Database): ClientLogos => ({
  find: async uri_digest => {
    const [logo] = await database.run(
      sql => sql<{ digest: LogoDigest | null; isDue: boolean }[]>`
        select digest, due_at <= statement_timestamp() as "isDue"
        from signet.client_logos
        where uri_digest = ${uri_digest}`,
    )
    return logo ?? null
  },

  claim: async uri_digest => {
    const claimed = await database.run(
      sql => sql`
        insert into signet.client_logos as known (uri_digest, due_at, expires_at)
        select
          ${uri_digest}::bytea,
          statement_timestamp() + make_interval(secs => ${LOGO_CLAIM_SECONDS}),
          statement_timestamp() + make_interval(secs => ${LOGO_KEPT_SECONDS})
        where (select count(*) from signet.client_logos) < ${LOGOS_AT_MOST}
          or exists (select from signet.client_logos where uri_digest = ${uri_digest}::bytea)
        on conflict (uri_digest) do update
        set due_at = excluded.due_at, expires_at = excluded.expires_at
        where known.due_at <= statement_timestamp()
        returning uri_digest`,
    )
    return claimed.length > 0
  },

  keep: async ({ uri_digest, digest, image }) => {
    await database.run(
      sql => sql`
        update signet.client_logos
        set digest = ${digest}::bytea,
          image = ${image}::bytea,
          failures = 0,
          due_at = statement_timestamp() + make_interval(secs => ${LOGO_FRESH_SECONDS})
        where uri_digest = ${uri_digest}`,
    )
  },

  postpone: async uri_digest => {
    await database.run(
      sql => sql`
        update signet.client_logos
        set failures = failures + 1,
          due_at = statement_timestamp() + make_interval(
            secs => least(
              ${LOGO_RETRY_SECONDS} * power(2, least(failures, ${DOUBLINGS_AT_MOST})),
              ${LOGO_FRESH_SECONDS}
            )
          )
        where uri_digest = ${uri_digest}`,
    )
  },

  read: async digest => {
    const [logo] = await database.run(
      sql => sql<{ image: Uint8Array }[]>`
        select image from signet.client_logos where digest = ${digest} limit 1`,
    )
    return logo?.image ?? null
  },
})
