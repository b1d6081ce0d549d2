import { z } from 'zod'

/** What a tool refuses: `not_found`, `invalid` with the wrong fields, or `full`. */
export class ToolError extends Error {
  constructor(code, message, fields = {}) {
    super(message)
    this.code = code
    this.fields = fields
  }
}

/** Postgres keeps no NUL in a text. */
export const text = most =>
  z
    .string()
    .max(most, `At most ${most} characters.`)
    .refine(value => !value.includes('\0'), 'A character that cannot be kept.')
/** Postgres has no year 0. */
export const day = z.iso
  .date('Please choose a day.')
  .refine(value => value >= '0001-01-01', 'Please choose a day.')
const id = text(100).describe('The id of the task, from list_tasks')
const title = text(200).trim().min(1, 'Please say what is to be done.')
const notes = text(2000)
const due = day.nullable().describe('The day that it is due: 2030-12-31')

/**
 * What can be done with tasks. The API, the assistant of the chat and the MCP server call these functions and no others, each with the
 * `sub` of the token as the owner: an id of another person's task is an id that does not exist.
 */
export const TOOLS = {
  list_tasks: {
    description: 'Lists the tasks, those that are due first',
    readOnly: true,
    input: z.object({ status: z.enum(['open', 'done', 'all']).optional(), search: text(200).optional() }),
    run: (store, owner, input) => store.listTasks(owner, input),
  },
  read_task: {
    description: 'Reads one task',
    readOnly: true,
    input: z.object({ id }),
    run: async (store, owner, input) => found(await store.findTask(owner, input.id)),
  },
  add_task: {
    description: 'Adds a task',
    input: z.object({ title, notes: notes.optional(), due: due.optional() }),
    run: async (store, owner, input) => {
      const task = await store.addTask(owner, input)
      if (!task) throw new ToolError('full', 'The list is full. Please delete what is done.')
      return task
    },
  },
  change_task: {
    description: 'Changes a task: its title, notes or due date, or whether it is done',
    input: z.object({
      id,
      title: title.optional(),
      notes: notes.optional(),
      due: due.optional(),
      done: z.boolean().optional(),
    }),
    run: async (store, owner, input) => found(await store.changeTask(owner, input.id, input)),
  },
  delete_task: {
    description: 'Deletes a task for good',
    destructive: true,
    input: z.object({ id }),
    run: async (store, owner, input) => found(await store.deleteTask(owner, input.id)),
  },
}

const found = task => {
  if (!task) throw new ToolError('not_found', 'There is no such task.')
  return task
}

/** Runs a tool for the person whose `sub` is the owner. Throws ToolError. */
export const runTool = async (store, owner, name, given) => {
  const { success, data, error } = TOOLS[name].input.safeParse(given)
  if (success) return TOOLS[name].run(store, owner, data)
  const fields = Object.fromEntries(error.issues.map(({ path, message }) => [path.join('.'), message]))
  throw new ToolError('invalid', 'Something is not right yet.', fields)
}
