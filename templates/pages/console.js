/* Keeps the pages of the console up to date while they are open. Each page is complete without it. */
;(() => {
  const line = document.querySelector('[data-live]')
  if (!line || !window.EventSource || !window.fetch) return

  const isTold = line.dataset.as === 'tell'
  const FIRST_MILLISECONDS = 300
  /* Between two looks at the page: a busy server has many events a second. */
  const AGAIN_MILLISECONDS = isTold ? 2000 : 5000
  const RECONNECT_MILLISECONDS = 10000

  let source = null
  let timer = null
  let looked_at = -Infinity
  let isLooking = false
  let isBusy = false
  let isOver = false

  const partsOf = page => [...page.querySelectorAll('[data-renewed]')]
  const rowsOf = page => [...page.querySelectorAll('[data-renewed] tbody tr')]
  const idOf = row => row.querySelector('a[href^="/console/events/"]')?.getAttribute('href')

  const connect = () => {
    if (source || isOver || document.hidden) return
    source = new EventSource(line.dataset.live)
    /* What happened between the making of the page and this moment is not in the stream. */
    source.addEventListener('open', lookSoon)
    source.addEventListener('message', lookSoon)
    source.addEventListener('error', () => {
      if (source?.readyState !== EventSource.CLOSED) return
      source = null
      lookSoon()
      setTimeout(connect, RECONNECT_MILLISECONDS * (1 + Math.random()))
    })
  }
  /* A tab that is not seen takes no place among the followers, and none of the browser's few connections. */
  const disconnect = () => {
    source?.close()
    source = null
    clearTimeout(timer)
    timer = null
  }

  const lookSoon = () => {
    if (timer || isOver || document.hidden) return
    /* Tabs that have looked at once do not look at once again. */
    const pause = AGAIN_MILLISECONDS * (1 + Math.random() / 4)
    const wait = Math.max(FIRST_MILLISECONDS, looked_at + pause - performance.now())
    timer = setTimeout(() => {
      timer = null
      void look()
    }, wait)
  }

  const look = async () => {
    if (isOver) return
    /* The page that is on its way may be of before: another look follows. */
    if (isLooking) return lookSoon()
    isLooking = true
    isBusy = false
    try {
      const page = await load()
      if (page) take(page)
    } catch {
      /* The server is away: the stream tells when it is back. */
    } finally {
      isLooking = false
      looked_at = performance.now()
    }
    if (isBusy) lookSoon()
  }

  const load = async () => {
    const answer = await fetch(location.href, { redirect: 'manual', cache: 'no-store' })
    isBusy = answer.status === 429 || answer.status === 503
    if (answer.ok) return new DOMParser().parseFromString(await answer.text(), 'text/html')
    /* The person was signed out. The page of the next click says so. */
    if (answer.type === 'opaqueredirect' || answer.status === 401 || answer.status === 403) {
      isOver = true
      disconnect()
    }
    return null
  }

  const take = page => {
    if (isTold) return tell(page)
    if (!differs(page)) return say('')
    if (isRead()) offer('There is news.', () => renew(page))
    else renew(page)
  }

  const differs = page =>
    partsOf(document).some((part, index) => partsOf(page)[index]?.innerHTML !== part.innerHTML)

  /* True while a person has something selected, opened or in focus, which a renewal would take away. */
  const isRead = () => {
    const selection = getSelection()
    return partsOf(document).some(
      part =>
        part.contains(document.activeElement) ||
        part.querySelector('details[open]') ||
        (selection && !selection.isCollapsed && selection.containsNode(part, true)),
    )
  }

  const renew = page => {
    const fresh = partsOf(page)
    for (const [index, part] of partsOf(document).entries()) {
      if (fresh[index] && fresh[index].innerHTML !== part.innerHTML) part.replaceWith(fresh[index])
    }
    say('')
  }

  /* How many rows stand above the first one that is shown. */
  const tell = page => {
    const known = idOf(rowsOf(document)[0] ?? line)
    const rows = rowsOf(page)
    const at = rows.findIndex(row => idOf(row) === known)
    const count = at === -1 ? rows.length : at
    if (count === 0) return
    const more = at === -1 && known ? ' or more' : ''
    offer(`${count}${more} new ${count === 1 ? 'event' : 'events'}.`, () => {
      if (at === -1) renew(page)
      else rowsOf(document)[0].before(...rows.slice(0, at))
      for (const row of rowsOf(document).slice(0, count)) row.classList.add('new')
      say('')
      document.querySelector('[data-renewed] [tabindex]')?.focus({ preventScroll: true })
    })
  }

  /* A status is read out when its text changes, and not while it stays the same. */
  const say = text => {
    line.textContent = text
  }
  const offer = (text, show) => {
    const button = document.createElement('button')
    button.type = 'button'
    button.className = 'quiet slim'
    button.textContent = 'Show'
    button.addEventListener('click', show)
    const said = line.firstChild
    if (said?.nodeType === Node.TEXT_NODE && said.data === `${text} `) line.lastChild.replaceWith(button)
    else line.replaceChildren(`${text} `, button)
  }

  document.addEventListener('visibilitychange', () => (document.hidden ? disconnect() : connect()))
  window.addEventListener('pagehide', disconnect)
  window.addEventListener('pageshow', connect)
})()
