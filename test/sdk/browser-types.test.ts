import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openBrowserPackage } from '../support/pages/browser-applications.ts'
import { ROOT, tsc } from '../support/repository/project.ts'

/** In the application below, not in ours: tsc reports a line below it that has no error. */
const EXPECTED = 'expect-error'
const MISUSE = `// @ts-${EXPECTED}`

const OPTIONS = `
import { createAccountAuth, createFetch, createPagesAuth, type AccountAuth, type Auth, type PagesAuth } from 'signetd-browser'

const issuer = 'https://id.example'
const needed = { issuer, client_id: 'notes', redirect_uri: 'https://notes.example/callback' }
export const pages: PagesAuth = createPagesAuth(needed)
export const account: AccountAuth = createAccountAuth({ issuer })
export const either: readonly Auth[] = [pages, account]
createPagesAuth({ ...needed, scope: 'openid', resource: 'urn:api', storage: sessionStorage })
createAccountAuth({ issuer, client_id: 'notes', resource: 'urn:api' })
export const apiFetch: typeof fetch = createFetch(pages, { origins: ['https://api.example'] })
createFetch({ getToken: async () => 'a token' }, { origins: [] })

${MISUSE} The client is missing.
createPagesAuth({ issuer, redirect_uri: needed.redirect_uri })
${MISUSE} The address to come back to is missing.
createPagesAuth({ issuer, client_id: 'notes' })
${MISUSE} An option in camel case.
createPagesAuth({ ...needed, postLogoutRedirectUri: 'https://notes.example/' })
${MISUSE} A scope is one text.
createPagesAuth({ ...needed, scope: ['openid'] })
${MISUSE} A Storage, and not its name.
createPagesAuth({ ...needed, storage: 'sessionStorage' })
${MISUSE} The issuer is missing.
createAccountAuth({ client_id: 'notes' })
${MISUSE} The pages of Signet lead back, the application's own do not.
createAccountAuth({ issuer, redirect_uri: needed.redirect_uri })
${MISUSE} A list.
createFetch(pages, { origins: 'https://api.example' })
${MISUSE} The origins are missing.
createFetch(pages, {})
`

const CALLS = `
import { AuthError, type AuthErrorCode, type AuthState, type FactorNeeded, type User } from 'signetd-browser'
import { account, pages } from './options.js'

export const use = async () => {
  await pages.signIn({ return_to: '/notes', parameters: { prompt: 'create' } })
  const path: string = await pages.completeSignIn()
  const token: string = await pages.getToken({ isRefused: undefined })
  const stop: () => void = account.subscribe(() => {})
  const needed: FactorNeeded = await account.signIn({ email: 'a@b.example', password: 'secret' })
  if (needed !== null) await account.proveFactor(needed, { totp: '123456' })
  await account.signOut({ everywhere: true })
  ${MISUSE} A person may have no second factor.
  await account.proveFactor(needed, { totp: '123456' })
  ${MISUSE} A password is missing.
  await account.signUp({ email: 'a@b.example' })
  ${MISUSE} One proof, by its name.
  if (needed !== null) await account.proveFactor(needed, { code: '123456' })
  ${MISUSE} The pages have no form of the application.
  await pages.signIn({ email: 'a@b.example', password: 'secret' })
  ${MISUSE} Signet's pages sign up.
  pages.signUp
  ${MISUSE} The account API leads to no other page.
  account.completeSignIn
  return { path, token, stop }
}

export const judge = (state: AuthState): string => {
  ${MISUSE} A visitor who is signed out is no user.
  state.user.sub
  ${MISUSE} The state is read.
  state.status = 'signed-in'
  if (state.status === 'signed-in') {
    const user: User = state.user
    const none: null = state.error
    const claim: unknown = user['email']
    ${MISUSE} A claim may be anything.
    const text: string = user['email']
    return [user.sub, none, claim, text].join()
  }
  const none: null = state.user
  const error: AuthError | null = state.error
  ${MISUSE} No such status.
  if (state.status === 'anonymous') return 'x'
  return String([none, error])
}

export const explain = (error: unknown): string => {
  if (!(error instanceof AuthError)) throw error
  const detail: readonly [string | undefined, number | undefined, string | undefined, boolean] = [
    error.reason,
    error.retry_after_seconds,
    error.fields['email'],
    error.isTemporary,
  ]
  ${MISUSE} An error stays what it is.
  error.code = 'network'
  ${MISUSE} No such code.
  if (error.code === 'invalid_grant') return 'x'
  ${MISUSE} It may be absent.
  const seconds: number = error.retry_after_seconds
  const texts: Readonly<Record<AuthErrorCode, string>> = {
    network: 'No connection.',
    server: 'Try again.',
    rate_limited: \`Wait \${seconds} s.\`,
    signed_out: 'Sign in.',
    refused: error.message,
    callback: 'Sign in again.',
  }
  return texts[error.code] + detail.join()
}
`

const REACT = `
import type { ReactElement } from 'react'
import { AuthProvider, RequireAuth, useAuth } from 'signetd-browser/react'
import { account, pages } from './options.js'

const Name = (): ReactElement => {
  const { status, user, error, auth } = useAuth()
  const token: Promise<string> = auth.getToken()
  void token
  ${MISUSE} The hook has what both ways have.
  auth.signIn()
  ${MISUSE} Without a look at the status, there may be no user.
  const sub: string = user.sub
  return <p>{status === 'signed-in' ? user.sub : (error?.message ?? sub)}</p>
}

export const App = () => (
  <AuthProvider auth={pages}>
    <RequireAuth loading={<p>One moment…</p>} onSignedOut={() => pages.signIn()}>
      <Name />
      <Name />
    </RequireAuth>
    <RequireAuth onSignedOut={() => {}} />
  </AuthProvider>
)
export const others = [<AuthProvider auth={account} />, <AuthProvider auth={pages}>text</AuthProvider>]

${MISUSE} Nothing is provided.
export const withoutAuth = <AuthProvider><Name /></AuthProvider>
${MISUSE} The options are not the auth that is made of them.
export const ofOptions = <AuthProvider auth={{ issuer: 'https://id.example' }} />
${MISUSE} A guard says where a visitor goes.
export const withoutWay = <RequireAuth><Name /></RequireAuth>
${MISUSE} A function, which is called once for each time that a person is signed out.
export const calledAtOnce = <RequireAuth onSignedOut={pages.signIn()}><Name /></RequireAuth>
${MISUSE} No such property.
export const misspelt = <RequireAuth onSignOut={() => {}} onSignedOut={() => {}}><Name /></RequireAuth>
${MISUSE} The hook takes nothing.
export const Wrong = () => <p>{useAuth(pages).status}</p>
`

describe('the types of signetd-browser', () => {
  let pack: ReturnType<typeof openBrowserPackage>
  let application: string
  beforeAll(() => {
    pack = openBrowserPackage()
    application = mkdtempSync(join(tmpdir(), 'signet-application-'))
    const modules = join(application, 'node_modules')
    mkdirSync(join(modules, '@types'), { recursive: true })
    symlinkSync(pack.path, join(modules, 'signetd-browser'))
    for (const name of ['react', '@types/react', 'csstype'])
      symlinkSync(join(ROOT, 'node_modules', name), join(modules, name))
    writeFileSync(
      join(application, 'package.json'),
      '{ "name": "application", "private": true, "type": "module" }',
    )
  })
  afterAll(() => {
    rmSync(application, { recursive: true })
    pack.remove()
  })

  it.each([
    ['nodenext', 'nodenext'],
    ['preserve', 'bundler'],
  ])(
    'let an application do what the guide says, and refuse misuse, with module %s',
    async (module, moduleResolution) => {
      const compilerOptions = {
        noEmit: true,
        strict: true,
        noUncheckedIndexedAccess: true,
        exactOptionalPropertyTypes: true,
        target: 'es2022',
        lib: ['es2022', 'dom', 'dom.iterable'],
        jsx: 'react-jsx',
        types: [],
        // The package lies elsewhere than its link, where it would find no React.
        preserveSymlinks: true,
        module,
        moduleResolution,
      }
      const sources = { 'options.ts': OPTIONS, 'calls.ts': CALLS, 'page.tsx': REACT }
      for (const [name, text] of Object.entries(sources)) writeFileSync(join(application, name), text)
      writeFileSync(
        join(application, 'tsconfig.json'),
        JSON.stringify({ compilerOptions, files: Object.keys(sources) }),
      )
      expect(await tsc('-p', application).catch((error: unknown) => error)).toMatchObject({ stdout: '' })
    },
  )
})
