import { randomUUID } from 'node:crypto'
import { PGlite } from '@electric-sql/pglite'

/** Every table begins its key with the owner, the `sub` of the token, and every statement names it. */
const SCHEMA = `
  create table if not exists tasks (
    owner text not null,
    id text not null,
    number integer not null,
    title text not null,
    notes text not null,
    due date,
    done boolean not null default false,
    primary key (owner, id),
    unique (owner, number)
  );
  create table if not exists messages (
    owner text not null,
    id bigint generated always as identity,
    author text not null,
    text text not null,
    tool text,
    pending jsonb,
    primary key (owner, id)
  );`

const TASK = 'id, number, title, notes, due::text as due, done'
const TASKS_MOST = 1000
const MESSAGES_MOST = 100

/** Opens the database of this application: a Postgres in this process, kept in the directory. */
export const openStore = async directory => {
  const database = await PGlite.create(directory)
  await database.exec(SCHEMA)
  const query = async (text, values) => (await database.query(text, values)).rows
  return {
    listTasks: (owner, { status = 'open', search = '' }) =>
      query(
        `select ${TASK} from tasks
         where owner = $1
           and ($2 = 'all' or done = ($2 = 'done'))
           and strpos(lower(title || ' ' || notes), lower($3)) > 0
         order by done, due nulls last, number`,
        [owner, status, search],
      ),
    findTask: async (owner, id) =>
      (await query(`select ${TASK} from tasks where owner = $1 and id = $2`, [owner, id]))[0],
    /** Undefined where the person has as many tasks as there may be. */
    addTask: async (owner, { title, notes = '', due = null }) => {
      const values = [owner, randomUUID(), title, notes, due, TASKS_MOST]
      const [task] = await query(
        `insert into tasks (owner, id, number, title, notes, due)
         select $1, $2, coalesce(max(number), 0) + 1, $3, $4, $5::date from tasks where owner = $1
         having count(*) < $6
         returning ${TASK}`,
        values,
      )
      return task
    },
    /** What is undefined stays as it is; a due date of null is taken away. */
    changeTask: async (owner, id, { title, notes, due, done }) => {
      const [task] = await query(
        `update tasks set
           title = coalesce($3, title),
           notes = coalesce($4, notes),
           due = case when $5 then $6::date else due end,
           done = coalesce($7, done)
         where owner = $1 and id = $2
         returning ${TASK}`,
        [owner, id, title, notes, due !== undefined, due, done],
      )
      return task
    },
    deleteTask: async (owner, id) =>
      (await query(`delete from tasks where owner = $1 and id = $2 returning ${TASK}`, [owner, id]))[0],
    listMessages: owner =>
      query('select id, author, text, tool, pending from messages where owner = $1 order by id', [owner]),
    addMessage: async (owner, { author, text, tool = null, pending = null }) => {
      const values = [owner, author, text, tool, pending]
      await query(
        'insert into messages (owner, author, text, tool, pending) values ($1, $2, $3, $4, $5)',
        values,
      )
      await query(
        `delete from messages where owner = $1 and id <=
           (select id from messages where owner = $1 order by id desc offset $2 limit 1)`,
        [owner, MESSAGES_MOST],
      )
    },
    clearMessages: owner => query('delete from messages where owner = $1', [owner]),
    close: () => database.close(),
  }
}
