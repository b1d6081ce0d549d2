import { type Config, clientPolicyOf, registrationAudiencesOf } from '../../config.ts'
import { readAssertionIssuersFile } from '../../platform/config-files/assertion-issuers-file.ts'
import { readScopesFile } from '../../platform/config-files/scopes-file.ts'
import { readUpstreamsFile } from '../../platform/config-files/upstreams-file.ts'
import { type Found, findingOf, OK } from './finding.ts'

/** The checks of the files that a start reads, and of registration; one that is not configured has no check. */
export const examineFiles = (config: Config): Readonly<Record<string, () => Promise<Found>>> => ({
  ...(config.SCOPES_FILE === null ? {} : { scopes: () => examineScopes(config) }),
  ...(config.ASSERTION_ISSUERS_FILE === null ? {} : { issuers: () => examineIssuers(config) }),
  ...(config.UPSTREAMS_FILE === null ? {} : { upstreams: () => examineUpstreams(config) }),
  ...(config.REGISTRATION === 'off' && config.CLIENT_ID_DOCUMENTS === 'off'
    ? {}
    : { registration: async () => examineRegistration(config) }),
})

const examineScopes = ({ SCOPES_FILE }: Config): Promise<Found> =>
  findingOf(async () => {
    if (SCOPES_FILE !== null) await readScopesFile(SCOPES_FILE)
  })

const examineIssuers = (config: Config): Promise<Found> =>
  findingOf(async () => {
    const { ASSERTION_ISSUERS_FILE } = config
    if (ASSERTION_ISSUERS_FILE !== null)
      await readAssertionIssuersFile(ASSERTION_ISSUERS_FILE, clientPolicyOf(config))
  })

/** No provider is asked: a start asks none either. */
const examineUpstreams = ({ UPSTREAMS_FILE }: Config): Promise<Found> =>
  findingOf(async () => {
    if (UPSTREAMS_FILE !== null) await readUpstreamsFile(UPSTREAMS_FILE)
  })

/** Without an audience such a client is registered and then refused at each sign-in. */
const examineRegistration = (config: Config): Found =>
  registrationAudiencesOf(config).length > 0
    ? OK
    : {
        fault: null,
        isWarning: true,
        note: 'clients that no operator has registered get no tokens: set REGISTRATION_AUDIENCES to the URIs of the services that they call',
      }
