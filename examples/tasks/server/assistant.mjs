import { DAY_WORDS, dayOf, spokenDay } from './dates.mjs'
import { runTool, ToolError } from './tools.mjs'

/**
 * An assistant by rules, without a language model. It does nothing by itself: each rule turns a sentence into calls of tools, as a model
 * would, and a call that destroys something is asked about first.
 */
const RULES = [
  [/^(?:help|hello|hi|hey)\b/, () => ({ text: HELP })],
  [
    new RegExp(
      `^(?:add|new|create|remind me to) (.+?)(?: (?:for|by|on|due) (${DAY_WORDS})| (today|tomorrow))?$`,
    ),
    async ({ call, say }, title, named, near) => {
      const day = named ?? near
      const task = await call('add_task', { title: withCapital(title), due: day ? say.day(day) : null })
      return { text: `I have added ${say.task(task)}.` }
    },
  ],
  [
    /^(?:find|search(?: for)?|look for) (.+)$/,
    async ({ call, say }, search) =>
      say.list(await call('list_tasks', { status: 'all', search }), `Nothing has “${search}” in it.`),
  ],
  [
    /^(?:what|which|show|list)\b.*\b(?:done|finished)\b/,
    async ({ call, say }) => say.list(await call('list_tasks', { status: 'done' }), 'Nothing is done yet.'),
  ],
  [
    new RegExp(`^(?:what|which|show|list)\\b.*\\b(${DAY_WORDS})$`),
    async ({ call, say }, word) => {
      const tasks = await call('list_tasks', { status: 'open' })
      const day = say.day(word)
      return say.list(
        tasks.filter(({ due }) => due !== null && due <= day),
        `Nothing is due by ${say.spoken(day)}.`,
      )
    },
  ],
  [
    /^(?:what|which|show|list)\b/,
    async ({ call, say }) =>
      say.list(await call('list_tasks', { status: 'open' }), 'Nothing is open. Enjoy the day.'),
  ],
  [
    /^(?:mark|set) (.+?) (?:as )?(done|finished|open)$|^(done|finish|complete|reopen) (.+)$/,
    async ({ call, find }, marked, state, verb, named) => {
      const done = state !== 'open' && verb !== 'reopen'
      const { id } = await find(marked ?? named)
      const task = await call('change_task', { id, done })
      return { text: `#${task.number} “${task.title}” is ${done ? 'done' : 'open again'}.` }
    },
  ],
  [
    new RegExp(`^(?:move|set|postpone) (.+?) (?:to|for) (${DAY_WORDS})$`),
    async ({ call, find, say }, named, day) => {
      const { id } = await find(named)
      return { text: `I have moved ${say.task(await call('change_task', { id, due: say.day(day) }))}.` }
    },
  ],
  [
    /^rename (.+?) to (.+)$/,
    async ({ call, find, say }, named, title) => {
      const { id } = await find(named)
      return { text: `It is now ${say.task(await call('change_task', { id, title: withCapital(title) }))}.` }
    },
  ],
  [
    /^(?:delete|remove) (.+)$/,
    async ({ find, say }, named) => {
      const task = await find(named)
      const pending = { tool: 'delete_task', input: { id: task.id } }
      return { text: `Delete ${say.task(task)} for good? Please answer yes or no.`, pending }
    },
  ],
]

const HELP =
  'I look after your tasks. Try: “add milk for friday”, “what is open?”, “mark 2 as done”, “move 2 to monday”, “delete 2”.'

/** Answers one sentence of the person, and keeps both. `today` is the day of the person's calendar. */
export const answerMessage = async (store, owner, { text, today }) => {
  const before = (await store.listMessages(owner)).at(-1)
  await store.addMessage(owner, { author: 'you', text })
  let tool
  const call = (name, input) => {
    tool = name
    return runTool(store, owner, name, input)
  }
  const answer = await think({ text, today, call, pending: before?.pending ?? null }).catch(error => {
    if (!(error instanceof ToolError)) throw error
    return { text: Object.values(error.fields)[0] ?? error.message }
  })
  await store.addMessage(owner, { author: 'assistant', tool, ...answer })
}

const think = async ({ text, today, call, pending }) => {
  const sentence = text
    .replaceAll(/\s+/g, ' ')
    .trim()
    .replace(/[.!?]+$/, '')
  if (pending && /^(?:yes|y|ok|sure|please do)$/i.test(sentence)) {
    const { title } = await call(pending.tool, pending.input)
    return { text: `“${title}” is deleted.` }
  }
  if (pending && /^(?:no|n|stop|keep it)$/i.test(sentence)) return { text: 'All right, it stays.' }
  const needs = { call, find: named => findTask(call, named), say: speak(today) }
  for (const [pattern, rule] of RULES) {
    const match = new RegExp(pattern, 'i').exec(sentence)
    if (match) return rule(needs, ...match.slice(1))
  }
  return { text: `I do not understand that. ${HELP}` }
}

/** A task by its number, its id, or words of its title. */
const findTask = async (call, named) => {
  const words = named.replace(/^(?:the\s+)?(?:task|number)\s+|^#/i, '').replaceAll(/["“”]/g, '')
  // Every title has the empty text in it.
  if (words.trim() === '') throw new ToolError('not_found', 'There is no such task.')
  const tasks = await call('list_tasks', { status: 'all' })
  const byNumber = tasks.filter(({ number, id }) => String(number) === words || id === words)
  const byTitle = tasks.filter(({ title }) => title.toLowerCase().includes(words.toLowerCase()))
  const [task, another] = byNumber.length > 0 ? byNumber : byTitle
  if (!task) throw new ToolError('not_found', 'There is no such task.')
  if (another) throw new ToolError('invalid', `Several tasks are called so. Please name one by its number.`)
  return task
}

const speak = today => {
  const spoken = day => spokenDay(day, today)
  const dueOf = due => `, ${due < today ? 'overdue since' : 'due'} ${spoken(due)}`
  const task = ({ number, title, due }) => `#${number} “${title}”${due ? dueOf(due) : ''}`
  return {
    spoken,
    task,
    day: words => dayOf(words, today),
    list: (tasks, none) => ({ text: tasks.length === 0 ? none : tasks.map(task).join('\n') }),
  }
}

const withCapital = text => text[0].toUpperCase() + text.slice(1)
