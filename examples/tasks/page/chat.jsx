import { useEffect, useRef, useState } from 'react'
import { ask, today } from './api.js'
import { Fault, Icon, Loading, Submit, useAction } from './parts.jsx'

const SUGGESTIONS = ['Add milk for Friday', 'What is open?', 'Mark 1 as done']

const Message = ({ author, text, tool }) => (
  <li className={`message ${author}`}>
    <span className="unseen">{author === 'you' ? 'You: ' : 'Assistant: '}</span>
    {text}
    {tool && <code className="tool">{tool}</code>}
  </li>
)

/** What the assistant offers to say next: the answer to its question, or what it understands. */
const Suggestions = ({ pending, isEmpty, say, isBusy }) => {
  const offered = pending ? ['Yes', 'No'] : isEmpty ? SUGGESTIONS : []
  return (
    <div className="suggestions">
      {offered.map(text => (
        <button key={text} className="quiet slim" disabled={isBusy} onClick={() => say(text)}>
          {text}
        </button>
      ))}
    </div>
  )
}

export const Chat = ({ onChange }) => {
  const [messages, setMessages] = useState(null)
  const { isBusy, error, act } = useAction()
  const [text, setText] = useState('')
  const end = useRef(null)
  const load = method => act(async () => setMessages(await ask(method, '/chat')))
  useEffect(() => load('GET'), [])
  useEffect(() => {
    end.current.scrollTop = end.current.scrollHeight
  }, [messages])
  const say = sentence =>
    act(async () => {
      setMessages(await ask('POST', '/chat', { text: sentence, today: today() }))
      setText('')
      onChange()
    })
  const send = event => {
    event.preventDefault()
    if (text.trim() !== '') say(text)
  }
  return (
    <section className="card chat" aria-labelledby="chat-heading">
      <header>
        <h2 id="chat-heading">
          <Icon name="spark" /> Assistant
        </h2>
        {messages?.length > 0 && (
          <button className="quiet slim" onClick={() => load('DELETE')}>
            Clear
          </button>
        )}
      </header>
      <ol className="messages" ref={end} aria-live="polite" tabIndex={0} aria-label="Conversation">
        {messages?.length === 0 && (
          <li className="empty">Tell me what is to be done, or ask what is open.</li>
        )}
        {messages?.map(message => (
          <Message key={message.id} {...message} />
        ))}
      </ol>
      {messages === null && !error && <Loading />}
      <Fault>{error?.message}</Fault>
      <Suggestions
        pending={messages?.at(-1)?.pending}
        isEmpty={messages?.length === 0}
        say={say}
        isBusy={isBusy}
      />
      <form className="say" onSubmit={send}>
        <input
          aria-label="Message"
          placeholder="Write a message"
          autoComplete="off"
          maxLength={500}
          value={text}
          onChange={({ target }) => setText(target.value)}
        />
        <Submit isBusy={isBusy} icon="send">
          Send
        </Submit>
      </form>
    </section>
  )
}
