import { describe, expect, it } from 'vitest'
import { describeDevice } from '../../../src/domain/base/user-agent.ts'

describe('RFC 9110 §10.1.5 – a device in words', () => {
  it.each([
    ['Mozilla/5.0 (X11; Linux x86_64; rv:147.0) Gecko/20100101 Firefox/147.0', 'Firefox on Linux'],
    [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36 Edg/143.0',
      'Edge on Windows',
    ],
    [
      'Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Mobile Safari/537.36',
      'Chrome on Android',
    ],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1',
      'Safari on an iPhone',
    ],
    [
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15',
      'Safari on a Mac',
    ],
    ['curl/8.5.0', 'curl'],
    ['Something (Windows)', 'A program on Windows'],
    ['okhttp/5.0', 'An application'],
    ['<b>Your bank</b>, call 555 0100', 'An unknown device'],
    ['', 'An unknown device'],
    [null, 'An unknown device'],
  ])('%s is %s', (user_agent, words) => {
    expect(describeDevice(user_agent)).toBe(words)
  })

  it.each([
    [null, 'An unknown device', 'Ein unbekanntes Gerät'],
    ['curl/8', 'curl', 'curl'],
    ['okhttp/5', 'An application', 'Eine Anwendung'],
    ['Robot (Macintosh)', 'A program on a Mac', 'Ein Programm auf einem Mac'],
    ['Firefox/140 (X11; Linux)', 'Firefox on Linux', 'Firefox auf Linux'],
  ])('%s in two languages', (user_agent, english, german) => {
    expect(describeDevice(user_agent)).toBe(english)
    expect(describeDevice(user_agent, 'de')).toBe(german)
  })
})
