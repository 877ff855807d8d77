/** The dashboards there are. */
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { fetchDashboards } from '../api/dashboards'
import { Link } from '../parts/link'
import { Loaded } from '../parts/notices'
import { useRange } from '../state/clock'
import { useQuery } from '../state/query'

export default function DashboardsPage(): JSX.Element {
  const { asOf } = useRange()
  const [find, setFind] = useState('')
  const dashboards = useQuery(`dashboards ${asOf}`, (signal) => fetchDashboards(signal))
  const has = (text: string): boolean => text.toLowerCase().includes(find.toLowerCase())
  return (
    <>
      <div class="chips">
        <h1>Dashboards</h1>
        <label>
          Find <input type="search" value={find} onInput={(event) => setFind(event.currentTarget.value)} />
        </label>
      </div>
      <Loaded
        query={dashboards}
        what="dashboards"
        empty={(data) =>
          !data.length && (
            <>
              <strong>There are no dashboards.</strong>
              <span>Put Grafana's JSON into a folder of config/grafana/provisioning/dashboards.</span>
            </>
          )
        }
      >
        {(data) => (
          <div class="card scroll">
            <table class="data">
              <thead>
                <tr>
                  <th scope="col">title</th>
                  <th scope="col">folder</th>
                  <th scope="col">tags</th>
                </tr>
              </thead>
              <tbody>
                {data
                  .filter((one) => has(one.title) || one.tags.some(has))
                  .map((one) => (
                    <tr key={one.uid}>
                      <td>
                        <Link to={`/d/${one.uid}`}>{one.title}</Link>
                      </td>
                      <td>{one.folderTitle}</td>
                      <td class="labels">
                        {one.tags.map((tag) => (
                          <code key={tag}>{tag}</code>
                        ))}
                      </td>
                    </tr>
                  ))}
              </tbody>
            </table>
          </div>
        )}
      </Loaded>
    </>
  )
}
