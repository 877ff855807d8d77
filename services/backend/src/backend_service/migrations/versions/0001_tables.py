"""Targets, jobs, runs, results and schedules."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def make_id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False)


def make_created_at(name: str = "created_at") -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "targets",
        make_id(),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("labels", postgresql.JSONB(), nullable=False),
        make_created_at(),
        sa.PrimaryKeyConstraint("id", name="pk_targets"),
        sa.UniqueConstraint("name", name="uq_targets_name"),
        sa.CheckConstraint("kind IN ('http', 'tcp', 'host')", name="ck_targets_kind"),
    )
    op.create_table(
        "jobs",
        make_id(),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("actions", postgresql.JSONB(), nullable=False),
        sa.Column("last_run_number", sa.Integer(), nullable=False),
        make_created_at(),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("name", name="uq_jobs_name"),
    )
    op.create_table(
        "job_targets",
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("target_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "position", name="pk_job_targets"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_targets_job_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["target_id"], ["targets.id"], name="fk_job_targets_target_id", ondelete="RESTRICT"),
    )
    op.create_index("ix_job_targets_target_id", "job_targets", ["target_id"])
    create_runs()
    op.create_table(
        "schedules",
        make_id(),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("cron", sa.String(), nullable=True),
        sa.Column("interval_s", sa.Integer(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("next_run_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_run_at", sa.DateTime(timezone=True), nullable=True),
        make_created_at(),
        sa.PrimaryKeyConstraint("id", name="pk_schedules"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_schedules_job_id", ondelete="CASCADE"),
        sa.CheckConstraint("(cron IS NULL) <> (interval_s IS NULL)", name="ck_schedules_one_rule"),
        sa.CheckConstraint("interval_s > 0", name="ck_schedules_interval"),
    )
    op.create_index("ix_schedules_job_id", "schedules", ["job_id"])
    op.create_index("ix_schedules_next_run_at", "schedules", ["next_run_at"])


def create_runs() -> None:
    op.create_table(
        "runs",
        make_id(),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("job_name", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("trigger", sa.String(), nullable=False),
        sa.Column("plan", postgresql.JSONB(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.Column("traceparent", sa.String(), nullable=False),
        sa.Column("entry_id", sa.String(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_token", sa.String(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        make_created_at(),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.UniqueConstraint("job_id", "number", name="uq_runs_job_id_number"),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name="ck_runs_status"
        ),
        sa.CheckConstraint("trigger IN ('manual', 'schedule')", name="ck_runs_trigger"),
    )
    op.create_index(
        "ix_runs_unfinished", "runs", ["status", "id"], postgresql_where=sa.text("status IN ('queued', 'running')")
    )
    op.create_index("ix_runs_finished_at", "runs", ["finished_at"])
    op.create_table(
        "results",
        make_id(),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("target_id", sa.BigInteger(), nullable=False),
        sa.Column("target_name", sa.String(), nullable=False),
        sa.Column("action_index", sa.Integer(), nullable=False),
        sa.Column("action_kind", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("output", sa.String(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        make_created_at("recorded_at"),
        sa.PrimaryKeyConstraint("id", name="pk_results"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_results_run_id", ondelete="CASCADE"),
        sa.UniqueConstraint("run_id", "target_id", "action_index", name="uq_results_run_id_target_id_action_index"),
        sa.CheckConstraint("status IN ('succeeded', 'failed', 'skipped')", name="ck_results_status"),
    )


def downgrade() -> None:
    for table in ("schedules", "results", "runs", "job_targets", "jobs", "targets"):
        op.drop_table(table)
