import type { AboutSignIn } from '../base/log-fields.ts'
import type { ProblemCode } from './problem-codes.ts'
import type { ProblemReason } from './problem-reasons.ts'

/** A field that was refused: `pointer` is a JSON pointer in URI fragment form (RFC 6901 §6), as in RFC 9457 §3. */
export type FieldError = Readonly<{ pointer: string; detail: string }>

/** The details of a refusal beside its code. */
type Told<C extends ProblemCode> = Readonly<{
  /** For the log alone: the reason, and the sign-in that is refused. */
  reason?: ProblemReason<C>
  about?: AboutSignIn
  errors?: readonly FieldError[]
  /** Whole seconds after which the client should retry. */
  retry_after_seconds?: number
  /** RFC 9457 §3.2 – Extension members. */
  members?: Readonly<Record<string, unknown>>
  /** RFC 9470 §3 – The authentication that would suffice. */
  demand?: Demand
  /** A refusal of an OAuth request that this one translates. The log names its reason. */
  cause?: Error
}>

type Demand = Readonly<{ acr_values: string | null; max_age_seconds: number | null }>

/** Each code with the details that it may have. */
type Arguments = { [C in ProblemCode]: readonly [code: C, told?: Told<C>] }[ProblemCode]

/** A refusal of the account API. The code decides the status and the public text. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: ProblemCode
  readonly reason: ProblemReason | null
  readonly errors: readonly FieldError[]
  readonly retry_after_seconds: number | null
  readonly members: Readonly<Record<string, unknown>>
  readonly demand: Demand | null
  #about: AboutSignIn

  constructor(...[code, told = {}]: Arguments) {
    super(told.reason === undefined ? code : `${code}: ${told.reason}`, { cause: told.cause })
    this.code = code
    this.reason = told.reason ?? null
    this.errors = told.errors ?? []
    this.retry_after_seconds = told.retry_after_seconds ?? null
    this.members = told.members ?? {}
    this.demand = told.demand ?? null
    this.#about = told.about ?? {}
  }

  /** What is known of the sign-in that is refused, for the log alone. */
  get about(): AboutSignIn {
    return this.#about
  }

  /** The same refusal, of a sign-in of which this is known too. */
  naming(about: AboutSignIn): this {
    this.#about = { ...about, ...this.#about }
    return this
  }
}

/** A refusal of one field. */
export const fieldInvalid = (error: FieldError, told: Told<'FIELDS_INVALID'> = {}): Problem =>
  new Problem('FIELDS_INVALID', { ...told, errors: [error] })
