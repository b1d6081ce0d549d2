import { useEffect, useId, useRef, useState } from 'react'
import { go } from './route.js'

const ICONS = {
  alert: 'M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20M12 8v4m0 4h.01',
  tick: 'M20 6 9 17l-5-5',
  plus: 'M12 5v14M5 12h14',
  bin: 'M3 6h18M8 6V4h8v2m3 0-1 14H6L5 6m5 5v5m4-5v5',
  send: 'M22 2 11 13M22 2l-7 20-4-9-9-4z',
  spark: 'M12 3l1.9 5.6L19.5 10.5l-5.6 1.9L12 18l-1.9-5.6L4.5 10.5l5.6-1.9zM19 3v4m2-2h-4',
  list: 'M9 6h12M9 12h12M9 18h12M4 6h.01M4 12h.01M4 18h.01',
}

export const Icon = ({ name }) => (
  <svg className="glyph" viewBox="0 0 24 24" aria-hidden="true">
    <path d={ICONS[name]} />
  </svg>
)

/** A link within the page: a plain click does not load it again. */
export const Link = ({ to, ...rest }) => {
  const stay = event => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return
    event.preventDefault()
    go(to)
  }
  return <a href={to} onClick={stay} {...rest} />
}

/** The button of a form, which cannot be pressed again before the answer has come. */
export const Submit = ({ isBusy, icon, children }) => (
  <button disabled={isBusy} aria-busy={isBusy}>
    {icon && !isBusy && <Icon name={icon} />}
    {children}
  </button>
)

export const Brand = () => (
  <Link className="brand" to="/">
    <svg viewBox="0 0 32 32" aria-hidden="true">
      <rect className="ground" width="32" height="32" rx="9" />
      <path className="mark" d="m9 16.5 5 5 9.5-10.5" />
    </svg>
    Tasks
  </Link>
)

/** The heading of a page and its title. It takes the focus that the page before has left behind, so that a screen reader reads it. */
export const Title = ({ children, hidden = false }) => {
  const heading = useRef(null)
  useEffect(() => {
    document.title = `${children} · Tasks`
    if (document.activeElement === document.body) heading.current.focus()
  }, [children])
  return (
    <h1 ref={heading} tabIndex={-1} className={hidden ? 'unseen' : undefined}>
      {children}
    </h1>
  )
}

export const Fault = ({ children }) =>
  children ? (
    <p className="note bad" role="alert">
      <Icon name="alert" />
      <span>{children}</span>
    </p>
  ) : null

/** A password, which the person may look at before it is sent. */
export const Secret = props => {
  const [isShown, setShown] = useState(false)
  return (
    <div className="secret">
      <input {...props} type={isShown ? 'text' : 'password'} />
      <button type="button" aria-controls={props.id} onClick={() => setShown(!isShown)}>
        {isShown ? 'Hide' : 'Show'}
      </button>
    </div>
  )
}

/** A field with its label, and what is wrong with it beside it. */
export const Field = ({ label, fault, as: Control = 'input', aside, ...rest }) => {
  const id = useId()
  return (
    <div className="field">
      <div className="row">
        <label htmlFor={id}>{label}</label>
        <span className="muted small">{aside}</span>
      </div>
      <Control
        id={id}
        aria-invalid={fault ? true : undefined}
        aria-describedby={fault ? `${id}-fault` : undefined}
        {...rest}
      />
      {fault && (
        <p className="fault" id={`${id}-fault`}>
          {fault}
        </p>
      )}
    </div>
  )
}

export const Loading = ({ children = 'One moment…' }) => (
  <p className="muted loading" role="status">
    {children}
  </p>
)

/** Does one thing at a time: whether it is under way, and the error that it has ended with. */
export const useAction = () => {
  const [state, setState] = useState({ isBusy: false, error: null })
  const act = work => {
    setState({ isBusy: true, error: null })
    work().then(
      () => setState({ isBusy: false, error: null }),
      error => setState({ isBusy: false, error }),
    )
  }
  return { ...state, act }
}
