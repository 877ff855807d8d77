"""OpsConductor backend: targets, jobs, runs and schedules; its API, its worker and its scheduler.

Three processes share this package, one PostgreSQL database and one Redis stream:

- `python -m backend_service`: the HTTP API (`application`, `access`, `routes`, `schemas`); it migrates the database.
- `python -m backend_service.worker`: takes runs from the stream and executes their actions.
- `python -m backend_service.scheduler`: fires schedules, re-enqueues runs that the stream has lost, drops old runs.

PostgreSQL is the truth, the stream only a doorbell: a run's row says its state and who holds its lease, and every
change of state is guarded there, so that an entry may be lost or delivered twice without harm.
"""
