/* What the hosted pages do better with a script. Each works without it. */
;(() => {
  const BUSY_AFTER_MILLISECONDS = 150
  let isSubmitted = false

  /* One form is sent once. The button is not disabled: its name and value belong to what is sent. */
  document.addEventListener('submit', event => {
    if (isSubmitted) return event.preventDefault()
    /* A download leaves the page as it is. */
    if (event.defaultPrevented || event.target.querySelector('[data-download]')) return
    isSubmitted = true
    for (const input of document.querySelectorAll('.secret input')) input.type = 'password'
    const button = event.submitter ?? event.target.querySelector('button:not([type=button])')
    if (button) setTimeout(() => showBusy(button), BUSY_AFTER_MILLISECONDS)
  })

  const showBusy = button => {
    if (!isSubmitted) return
    button.setAttribute('aria-busy', 'true')
    const label = button.querySelector('span')
    if (label && button.dataset.busy) {
      button.dataset.label = label.textContent
      label.textContent = button.dataset.busy
    }
  }

  /* A page out of the back/forward cache is as it was when it was left: busy, and perhaps out of date. */
  window.addEventListener('pageshow', event => {
    if (!event.persisted) return
    if (document.documentElement.dataset.reload !== undefined) return location.reload()
    isSubmitted = false
    for (const button of document.querySelectorAll('[aria-busy]')) {
      button.removeAttribute('aria-busy')
      const label = button.querySelector('span')
      if (label && button.dataset.label) label.textContent = button.dataset.label
    }
  })

  for (const button of document.querySelectorAll('.secret button')) {
    const input = button.parentElement.querySelector('input')
    const show = button.textContent
    button.parentElement.classList.add('can-show')
    button.hidden = false
    button.addEventListener('click', () => {
      const isShown = input.type === 'password'
      input.type = isShown ? 'text' : 'password'
      button.textContent = isShown ? button.dataset.hide : show
      input.focus()
    })
  }

  /* WebAuthn Level 3 §5.1.4: a passkey by the button or by the autofill of a field. The answer goes as a form. */
  const known = window.PublicKeyCredential ?? {}
  const hasPasskeys = 'parseRequestOptionsFromJSON' in known
  if (hasPasskeys) for (const note of document.querySelectorAll('[data-unscripted]')) note.hidden = true

  const passkeys = document.querySelector('form[data-passkey]')
  if (passkeys && hasPasskeys) {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(passkeys.dataset.passkey))
    const fault = passkeys.querySelector('.fault')
    let waiting = new AbortController()

    /* A browser has one request at a time: each ends the one before. */
    const ask = async mediation => {
      waiting.abort()
      waiting = new AbortController()
      const { signal } = waiting
      try {
        const credential = await navigator.credentials.get({ publicKey, mediation, signal })
        passkeys.elements.passkey.value = JSON.stringify(credential)
        passkeys.requestSubmit()
      } catch {
        if (signal.aborted || mediation === 'conditional') return
        fault.hidden = false
        void offerInAutofill()
      }
    }

    const offerInAutofill = async () => {
      if (passkeys.dataset.autofill === undefined) return
      const before = waiting
      const isAvailable = await PublicKeyCredential.isConditionalMediationAvailable?.()
      if (isAvailable && waiting === before) void ask('conditional')
    }

    passkeys.hidden = false
    passkeys.querySelector('button').addEventListener('click', event => {
      event.preventDefault()
      fault.hidden = true
      void ask('optional')
    })
    document.addEventListener('submit', () => waiting.abort())
    void offerInAutofill()
  }

  /* WebAuthn Level 3 §5.1.3: a new passkey, which goes as a form. */
  const creation = document.querySelector('form[data-create]')
  if (creation && hasPasskeys) {
    const fault = creation.querySelector('.fault[role]')
    const create = async () => {
      fault.hidden = true
      try {
        const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(
          JSON.parse(creation.dataset.create),
        )
        creation.elements.passkey.value = JSON.stringify(await navigator.credentials.create({ publicKey }))
        creation.requestSubmit()
      } catch {
        fault.hidden = false
      }
    }
    creation.hidden = false
    creation.addEventListener('submit', event => {
      if (creation.elements.passkey.value) return
      event.preventDefault()
      void create()
    })
  }

  /* WebAuthn Level 3 §5.1.10: what the browser need not offer any more. */
  const signal = (name, method) => {
    const json = document.querySelector(`[data-${name}]`)?.dataset[name]
    if (json) void known[method]?.(JSON.parse(json)).catch(() => {})
  }
  signal('accepted', 'signalAllAcceptedCredentials')
  signal('unknown', 'signalUnknownCredential')

  /* Six digits stand large, a recovery code fits the field of a telephone. */
  document.querySelector('input.code')?.addEventListener('input', ({ target }) => {
    target.classList.toggle('long', target.value.length > 8 || target.inputMode === 'text')
  })

  const print = document.querySelector('[data-print]')
  if (print) {
    print.hidden = false
    print.addEventListener('click', () => window.print())
  }

  /* The browser has put the focus on the first wrong field; a summary without one takes it itself. */
  const summary = document.querySelector('[role=alert][tabindex]')
  if (summary && !document.querySelector('[aria-invalid]')) summary.focus()

  /* OAuth 2.0 Form Post Response Mode: the answer to an application goes on by itself. */
  document.querySelector('form[data-send]')?.requestSubmit()
})()
