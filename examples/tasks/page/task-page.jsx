import { useEffect, useState } from 'react'
import { ask } from './api.js'
import { Fault, Field, Icon, Link, Loading, Submit, Title, useAction } from './parts.jsx'
import { go } from './route.js'

const useTask = id => {
  const [state, setState] = useState({ task: null, error: null })
  useEffect(() => {
    ask('GET', `/tasks/${id}`).then(
      task => setState({ task, error: null }),
      error => setState({ task: null, error }),
    )
  }, [id])
  return state
}

const EditForm = ({ task }) => {
  const { isBusy, error, act } = useAction()
  const [isDeleting, setDeleting] = useState(false)
  const fields = error?.fields ?? {}
  const path = `/tasks/${task.id}`
  const done = async work => {
    await work
    go('/tasks')
  }
  const save = event => {
    event.preventDefault()
    const { title, notes, due, done: isDone } = Object.fromEntries(new FormData(event.currentTarget))
    const changed = { title, notes, due: due === '' ? null : due, done: isDone === 'on' }
    act(() => done(ask('PATCH', path, changed)))
  }
  return (
    <form noValidate onSubmit={save}>
      <Fault>{error && Object.keys(fields).length === 0 ? error.message : null}</Fault>
      <Field label="What is to be done" name="title" defaultValue={task.title} fault={fields.title} />
      <Field label="Due date" name="due" type="date" defaultValue={task.due ?? ''} fault={fields.due} />
      <Field
        label="Notes"
        name="notes"
        as="textarea"
        rows={5}
        defaultValue={task.notes}
        fault={fields.notes}
      />
      <label className="tickable">
        <input type="checkbox" name="done" defaultChecked={task.done} />
        This is done
      </label>
      <div className="pair">
        <Submit isBusy={isBusy}>Save</Submit>
        <Link className="button quiet" to="/tasks">
          Cancel
        </Link>
      </div>
      {isDeleting ? (
        <div className="note warn" role="alertdialog" aria-label="Delete this task">
          <span className="grow">Delete “{task.title}” for good?</span>
          <button type="button" className="danger slim" onClick={() => act(() => done(ask('DELETE', path)))}>
            Delete
          </button>
          <button type="button" className="quiet slim" autoFocus onClick={() => setDeleting(false)}>
            Keep
          </button>
        </div>
      ) : (
        <button type="button" className="danger" onClick={() => setDeleting(true)}>
          <Icon name="bin" />
          Delete this task
        </button>
      )}
    </form>
  )
}

/** One task, at an address of its own. */
export const TaskPage = ({ id }) => {
  const { task, error } = useTask(id)
  return (
    <main className="stay narrow">
      <Title>{task ? task.title : 'A task'}</Title>
      <div className="card">
        <Fault>{error?.message}</Fault>
        {task && <EditForm task={task} />}
        {error && <Link to="/tasks">To your tasks</Link>}
        {!task && !error && <Loading />}
      </div>
    </main>
  )
}
