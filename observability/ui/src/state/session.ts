/** Who is logged in, and the data sources they may ask. */
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import { pick, type Kind, type Source } from '../api/sources'
import { usePlace } from './place'

export const Sources = createContext<readonly Source[]>([])

/** The data source of a kind; the URL's `ds` chooses among several. */
export function useSource(kind: Kind): Source | undefined {
  const { params } = usePlace()
  return pick(useContext(Sources), kind, params.get('ds'))
}

export const useSources = (): readonly Source[] => useContext(Sources)
