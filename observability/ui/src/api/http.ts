/** Requests to the server that the page came from. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly where: string,
  ) {
    super(message)
  }
}

let onSignedOut: () => void = () => undefined

/** Called whenever the server no longer knows who asks. */
export const whenSignedOut = (callback: () => void): void => void (onSignedOut = callback)

/** The JSON of an answer. Throws ApiError with the store's own words. */
export async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
  let answer: Response
  try {
    answer = await fetch(path, init)
  } catch (error) {
    if ((error as Error).name === 'AbortError') throw error
    throw new ApiError('The server cannot be reached.', 0, path)
  }
  const text = await answer.text()
  if (answer.status === 401 && path !== '/login') onSignedOut()
  if (!answer.ok) throw new ApiError(reasonOf(text) || `HTTP ${answer.status}`, answer.status, path)
  if (!text) return undefined as T
  try {
    return JSON.parse(text) as T
  } catch {
    throw new ApiError(`The answer is no JSON: ${text.slice(0, 200)}`, answer.status, path)
  }
}

/** What an error's body says: the stores use `error`, `message`, `errors` or plain text. */
function reasonOf(text: string): string {
  try {
    const body = JSON.parse(text) as Record<string, unknown> | string
    if (typeof body === 'string') return body
    const errors = Array.isArray(body.errors) ? (body.errors[0] as { msg?: string })?.msg : undefined
    return String(body.error ?? body.message ?? errors ?? text.slice(0, 500))
  } catch {
    return text.trim().slice(0, 500)
  }
}

export const query = (params: Record<string, string | number | undefined | null>): string => {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(params))
    if (value !== undefined && value !== null && value !== '') search.set(name, String(value))
  return search.toString()
}
