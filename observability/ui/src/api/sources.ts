/** The data sources, and the way to them. */
import { ask } from './http'

export type Kind = 'loki' | 'prometheus' | 'jaeger' | 'alertmanager'

export interface Source {
  uid: string
  name: string
  type: Kind
  isDefault?: boolean
  jsonData?: {
    derivedFields?: { matcherRegex?: string; matcherType?: string }[]
    timeInterval?: string
    manageAlerts?: boolean
    [name: string]: unknown
  }
}

export const fetchSources = (): Promise<Source[]> => ask<Source[]>('/api/datasources')

/** The address of a path of a data source, through the proxy. */
export const through = (source: Source, path: string): string =>
  `/api/datasources/proxy/uid/${encodeURIComponent(source.uid)}${path}`

/** The source with that uid, else the first of its kind (the default before others). */
export function pick(sources: readonly Source[], kind: Kind, uid?: string | null): Source | undefined {
  const all = sources.filter((one) => one.type === kind)
  return all.find((one) => one.uid === uid) ?? all.find((one) => one.isDefault) ?? all[0]
}

/** The patterns by which lines of a source name their trace. */
export function tracePatterns(source: Source | undefined): RegExp[] {
  return (source?.jsonData?.derivedFields ?? []).flatMap((one) => {
    if (!one.matcherRegex || one.matcherType === 'label') return []
    try {
      return [new RegExp(one.matcherRegex)]
    } catch {
      return []
    }
  })
}

/** Whether a store evaluates alerting rules: metric stores do, log stores where the provisioning says so. */
export const hasRules = (source: Source): boolean =>
  source.type === 'prometheus'
    ? source.jsonData?.manageAlerts !== false
    : source.type === 'loki' && source.jsonData?.manageAlerts === true
