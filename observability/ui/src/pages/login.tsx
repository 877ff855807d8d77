import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { logIn } from '../api/session'

export function LoginPage(props: { onDone: () => void }): JSX.Element {
  const [error, setError] = useState('')
  const [busy, setBusy] = useState(false)
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const data = new FormData(event.currentTarget as HTMLFormElement)
    setBusy(true)
    logIn(String(data.get('user')), String(data.get('password'))).then(props.onDone, (problem: Error) => {
      setBusy(false)
      setError(problem.message)
    })
  }
  return (
    <main class="login">
      <form class="card stack" onSubmit={submit}>
        <h1>OpsConductor</h1>
        <label>
          User <input name="user" autocomplete="username" defaultValue="admin" required />
        </label>
        <label>
          Password <input name="password" type="password" autocomplete="current-password" required autofocus />
        </label>
        {error && (
          <p class="hint" role="alert">
            Cannot log in: {error}.
          </p>
        )}
        <button class="primary" disabled={busy}>
          Log in
        </button>
      </form>
    </main>
  )
}
