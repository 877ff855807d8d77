/** The alert store's API. Spec: Alertmanager API v2. */
import { decodeAlert, decodeSilence, type AlertGroup, type Silence, type WireAlert, type WireSilence } from '../model/alerts'
import type { Labels } from '../model/loglines'
import { ask } from './http'
import { through, type Source } from './sources'

interface WireGroup {
  labels: Labels
  receiver: { name: string }
  alerts: WireAlert[]
}

export async function fetchGroups(source: Source, signal?: AbortSignal): Promise<AlertGroup[]> {
  const groups = await ask<WireGroup[]>(through(source, '/api/v2/alerts/groups'), { signal })
  return groups.map((one) => ({ labels: one.labels, receiver: one.receiver.name, alerts: one.alerts.map(decodeAlert) }))
}

/** Silences, those that end first in front; expired ones last. */
export async function fetchSilences(source: Source, signal?: AbortSignal): Promise<Silence[]> {
  const silences = (await ask<WireSilence[]>(through(source, '/api/v2/silences'), { signal })).map(decodeSilence)
  const over = (one: Silence): number => (one.state === 'expired' ? 1 : 0)
  return silences.sort((a, b) => over(a) - over(b) || (over(a) ? b.endsMs - a.endsMs : a.endsMs - b.endsMs))
}

export const postSilence = (source: Source, body: object): Promise<{ silenceID: string }> =>
  ask(through(source, '/api/v2/silences'), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })

export const expireSilence = (source: Source, id: string): Promise<unknown> =>
  ask(through(source, `/api/v2/silence/${encodeURIComponent(id)}`), { method: 'DELETE' })
