/** The types of oidc-provider that the benchmark uses: the package brings none. */
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http'

  type Record_ = new (
    fields: object,
  ) => {
    save(): Promise<string>
    addOIDCScope(scope: string): void
    addResourceScope(resource: string, scope: string): void
  }

  export class Provider {
    constructor(issuer: string, configuration: object)
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>
    readonly Client: { find(client_id: string): Promise<{ clientId: string } | undefined> }
    readonly Grant: Record_
    readonly RefreshToken: Record_
  }
}
