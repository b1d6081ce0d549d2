import type { Command } from 'ioredis'
import type { Tracer } from '../ports/traces.ts'
import type { RedisConnection } from './redis.ts'

/**
 * OpenTelemetry, "Redis spans" – A span for each command that a request sends, by the name of the command alone: keys name people. The
 * client sends every command by one method, which is replaced here, because each adapter holds the client.
 */
export const traceRedis = ({ client }: Pick<RedisConnection, 'client'>, { span }: Tracer): void => {
  const send = client.sendCommand.bind(client)
  client.sendCommand = (command: Command, stream) => {
    const answer = send(command, stream)
    const attributes = { 'db.system.name': 'redis', 'db.operation.name': command.name }
    void span({ name: command.name, kind: 'client', attributes }, async () => {
      await command.promise
    }).catch(() => undefined)
    return answer
  }
}
