/** Light or dark: as the system says, until the user says otherwise. */
import { useEffect, useState } from 'preact/hooks'

export type Theme = 'light' | 'dark'
const KEY = 'theme'
const system = matchMedia('(prefers-color-scheme: dark)')
const listeners = new Set<() => void>()

const stored = (): Theme | null => {
  const value = localStorage.getItem(KEY)
  return value === 'light' || value === 'dark' ? value : null
}

export const theme = (): Theme => stored() ?? (system.matches ? 'dark' : 'light')

function apply(): void {
  document.documentElement.dataset.theme = theme()
  for (const listener of [...listeners]) listener()
}

export function startTheme(): void {
  system.addEventListener('change', apply)
  apply()
}

export function toggleTheme(): void {
  localStorage.setItem(KEY, theme() === 'dark' ? 'light' : 'dark')
  apply()
}

export function useTheme(): Theme {
  const [seen, see] = useState(theme)
  useEffect(() => {
    const listener = (): void => see(theme())
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }, [])
  return seen
}
