"""The platform's own endpoints as targets of a job that runs every minute.

A revision, because it must happen exactly once: what an administrator changes or deletes later stays so.
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

JOB = "Platform self-check"
ENDPOINTS = {
    "auth": "http://auth:8001",
    "backend": "http://backend:8000",
    "frontend": "http://frontend:3000",
    "nginx": "http://nginx:8080",
    "worker": "http://worker:8002",
    "scheduler": "http://scheduler:8003",
}
ACTIONS = [{"kind": "http", "method": "GET", "path": "/health", "expect_status": 200, "timeout_s": 5}]
INTERVAL_S = 60
FIRST = "15 seconds"  # a first start brings the other boxes up within this time


def upgrade() -> None:
    connection = op.get_bind()
    job_id = connection.execute(
        sa.text(
            "INSERT INTO jobs (name, description, actions, last_run_number) "
            "VALUES (:name, :description, CAST(:actions AS jsonb), 0) RETURNING id"
        ),
        {
            "name": JOB,
            "description": "Asks every process of the platform for its health.",
            "actions": json.dumps(ACTIONS),
        },
    ).scalar_one()
    for position, (name, address) in enumerate(ENDPOINTS.items()):
        target_id = connection.execute(
            sa.text(
                "INSERT INTO targets (name, address, kind, labels) "
                "VALUES (:name, :address, 'http', CAST(:labels AS jsonb)) RETURNING id"
            ),
            {"name": name, "address": address, "labels": json.dumps({"platform": "opsconductor"})},
        ).scalar_one()
        connection.execute(
            sa.text("INSERT INTO job_targets (job_id, position, target_id) VALUES (:job, :position, :target)"),
            {"job": job_id, "position": position, "target": target_id},
        )
    connection.execute(
        sa.text(
            "INSERT INTO schedules (job_id, interval_s, enabled, next_run_at) "
            "VALUES (:job, :interval, true, now() + CAST(:first AS interval))"
        ),
        {"job": job_id, "interval": INTERVAL_S, "first": FIRST},
    )


def downgrade() -> None:
    connection = op.get_bind()
    connection.execute(sa.text("DELETE FROM jobs WHERE name = :name"), {"name": JOB})
    connection.execute(sa.text("DELETE FROM targets WHERE name = ANY(:names)"), {"names": list(ENDPOINTS)})
