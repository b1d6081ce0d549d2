import { useEffect, useState } from 'react'
import { ask, today } from './api.js'
import { Fault, Icon, Link, Loading, Submit, useAction } from './parts.jsx'

const STATES = [
  ['open', 'Open'],
  ['done', 'Done'],
  ['all', 'All'],
]

/** The tasks that the filter lets through, read again after each change and whenever the page is seen or connected again. */
const useTasks = (filter, version) => {
  const [state, setState] = useState({ tasks: null, error: null })
  const { status, search } = filter
  useEffect(() => {
    let isCurrent = true
    const load = () => {
      ask('GET', `/tasks?${new URLSearchParams({ status, search })}`).then(
        tasks => isCurrent && setState({ tasks, error: null }),
        error => isCurrent && setState(({ tasks }) => ({ tasks, error })),
      )
    }
    load()
    window.addEventListener('focus', load)
    window.addEventListener('online', load)
    return () => {
      isCurrent = false
      window.removeEventListener('focus', load)
      window.removeEventListener('online', load)
    }
  }, [status, search, version])
  return state
}

const Due = ({ day, done }) => {
  if (day === null) return null
  const isLate = !done && day < today()
  const isToday = !done && day === today()
  const format = { weekday: 'short', day: 'numeric', month: 'short', timeZone: 'UTC' }
  const text = new Date(`${day}T00:00:00Z`).toLocaleDateString('en-GB', format)
  return (
    <span className={`badge ${isLate ? 'bad' : isToday ? 'warn' : ''}`}>
      {isLate ? `${text}, overdue` : isToday ? 'Today' : text}
    </span>
  )
}

const Row = ({ task: { id, number, title, due, done }, isBusy, onToggle }) => (
  <li className={done ? 'done' : undefined}>
    <button
      role="checkbox"
      className="check"
      aria-checked={done}
      aria-label={`${title}: done`}
      disabled={isBusy}
      onClick={onToggle}
    >
      <Icon name="tick" />
    </button>
    <div className="what">
      <Link to={`/tasks/${id}`}>{title}</Link>
      <Due day={due} done={done} />
    </div>
    <span className="muted small number">#{number}</span>
  </li>
)

const AddForm = ({ onChange }) => {
  const { isBusy, error, act } = useAction()
  const add = event => {
    event.preventDefault()
    const form = event.currentTarget
    const { title, due } = Object.fromEntries(new FormData(form))
    act(async () => {
      await ask('POST', '/tasks', { title, due: due === '' ? null : due })
      form.reset()
      onChange()
    })
  }
  const fault = error?.fields?.title ?? error?.message
  return (
    <form className="add" noValidate onSubmit={add}>
      <input
        name="title"
        aria-label="New task"
        placeholder="What is to be done?"
        autoComplete="off"
        aria-invalid={fault ? true : undefined}
        aria-describedby="add-fault"
      />
      <input name="due" type="date" aria-label="Due date" />
      <Submit isBusy={isBusy} icon="plus">
        Add
      </Submit>
      <p className="fault" id="add-fault" role="alert">
        {fault}
      </p>
    </form>
  )
}

const NOTHING = {
  open: 'Nothing is open. Add a task above, or ask the assistant.',
  done: 'Nothing is done yet.',
  all: 'There is no task yet. Add one above, or ask the assistant.',
}

const Nothing = ({ filter: { status, search } }) => (
  <div className="empty">
    <Icon name="tick" />
    <p>{search ? `Nothing has “${search}” in it.` : NOTHING[status]}</p>
  </div>
)

export const TaskList = ({ version, onChange }) => {
  const [filter, setFilter] = useState({ status: 'open', search: '' })
  const { tasks, error } = useTasks(filter, version)
  const { isBusy, error: fault, act } = useAction()
  const toggle = ({ id, done }) =>
    act(async () => {
      await ask('PATCH', `/tasks/${id}`, { done: !done })
      onChange()
    })
  return (
    <section className="card" aria-labelledby="tasks-heading">
      <header>
        <h2 id="tasks-heading">Your tasks</h2>
        <div className="segments" role="group" aria-label="Show">
          {STATES.map(([status, label]) => (
            <button
              key={status}
              aria-pressed={filter.status === status}
              onClick={() => setFilter({ ...filter, status })}
            >
              {label}
            </button>
          ))}
        </div>
      </header>
      <AddForm onChange={onChange} />
      <input
        type="search"
        className="search"
        aria-label="Search"
        placeholder="Search"
        value={filter.search}
        onChange={({ target }) => setFilter({ ...filter, search: target.value })}
      />
      <Fault>{(fault ?? error)?.message}</Fault>
      {tasks === null ? !error && <Loading>Reading your tasks…</Loading> : null}
      {tasks?.length === 0 && <Nothing filter={filter} />}
      <ul className="list tasks">
        {tasks?.map(task => (
          <Row key={task.id} task={task} isBusy={isBusy} onToggle={() => toggle(task)} />
        ))}
      </ul>
    </section>
  )
}
