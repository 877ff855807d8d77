"""Backend: targets, jobs, runs and schedules, with a worker and a scheduler process."""
