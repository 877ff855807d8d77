import { ask } from './http'

export const fetchUser = (): Promise<{ login: string }> => ask('/api/user')

export const logIn = (user: string, password: string): Promise<unknown> =>
  ask('/login', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ user, password }) })

export const logOut = (): Promise<unknown> => ask('/logout', { method: 'POST' })
