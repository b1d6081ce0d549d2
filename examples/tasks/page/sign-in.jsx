import { useEffect, useRef, useState } from 'react'
import { useAuth } from 'signetd-browser/react'
import { auth, issuer, returnPath } from './auth.js'
import { Gate } from './gate.jsx'
import { Fault, Field, Link, Secret, Submit, useAction } from './parts.jsx'
import { go } from './route.js'

/** Both forms go on as soon as the person is signed in: here, or in another tab. */
const useGoOn = () => {
  const { status } = useAuth()
  useEffect(() => {
    if (status === 'signed-in') go(returnPath(), { replace: true })
  }, [status])
}

const valuesOf = event => {
  event.preventDefault()
  return Object.fromEntries(new FormData(event.currentTarget))
}

/** An empty field is no wrong password: this is said beside the field, and Signet is not asked. */
const requireValues = ({ email, password }) => {
  const fields = {
    ...(email.trim() === '' && { email: 'Please enter your e-mail address.' }),
    ...(password === '' && { password: 'Please enter your password.' }),
  }
  if (Object.keys(fields).length > 0)
    throw Object.assign(new Error('Please fill in both fields.'), { fields })
}

/** The fault of the whole form; a fault of a field is said beside the field. */
const faultOf = error => (error && Object.keys(error.fields).length === 0 ? error.message : null)

const CredentialsForm = ({ verb, autoComplete, hint, send }) => {
  const { isBusy, error, act } = useAction()
  const fields = error?.fields ?? {}
  const form = useRef(null)
  const submit = async values => {
    requireValues(values)
    await send(values)
  }
  // The button that was pressed could not keep the focus while it was disabled.
  useEffect(() => {
    if (error) form.current.querySelector('[aria-invalid], [name=password]').focus()
  }, [error])
  return (
    <form noValidate ref={form} onSubmit={event => act(() => submit(valuesOf(event)))}>
      <Fault>{faultOf(error)}</Fault>
      <Field
        label="E-mail address"
        name="email"
        type="email"
        autoComplete="username"
        autoCapitalize="none"
        autoFocus
        spellCheck={false}
        fault={fields.email}
      />
      <Field
        label="Password"
        name="password"
        as={Secret}
        autoComplete={autoComplete}
        aside={hint}
        fault={fields.password}
      />
      <Submit isBusy={isBusy}>{verb}</Submit>
    </form>
  )
}

const FactorForm = ({ needed }) => {
  const { isBusy, error, act } = useAction()
  const prove = ({ code }) =>
    auth.proveFactor(
      needed,
      /^\d{6}$/.test(code.trim()) ? { totp: code.trim() } : { recovery_code: code.trim() },
    )
  return (
    <form onSubmit={event => act(() => prove(valuesOf(event)))}>
      <Field label="Code" name="code" autoComplete="one-time-code" fault={error?.message} autoFocus />
      <Submit isBusy={isBusy}>Continue</Submit>
    </form>
  )
}

export const SignInPage = () => {
  useGoOn()
  const [needed, setNeeded] = useState(null)
  if (needed)
    return (
      <Gate title="One more step" lead="The code of your authenticator application, or a recovery code.">
        <FactorForm needed={needed} />
      </Gate>
    )
  return (
    <Gate title="Sign in">
      <CredentialsForm
        verb="Sign in"
        autoComplete="current-password"
        hint={<a href={`${issuer}/forgot-password`}>Forgot it?</a>}
        send={async values => setNeeded(await auth.signIn(values))}
      />
      <p className="muted small centre">
        New here? <Link to={`/sign-up${location.search}`}>Create an account</Link>
      </p>
    </Gate>
  )
}

export const SignUpPage = () => {
  useGoOn()
  return (
    <Gate title="Create an account">
      <CredentialsForm
        verb="Create account"
        autoComplete="new-password"
        hint="8 characters or more"
        send={auth.signUp}
      />
      <p className="muted small centre">
        You have one? <Link to={`/sign-in${location.search}`}>Sign in</Link>
      </p>
    </Gate>
  )
}
