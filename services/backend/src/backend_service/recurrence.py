"""When a schedule is due: cron expressions and intervals, both in UTC."""

from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError


def check_cron(expression: str) -> str:
    """The expression itself. Raises ValueError unless it has five fields and a next time."""
    if len(expression.split()) != 5:
        raise ValueError("cron must have five fields: minute, hour, day of month, month, day of week")
    try:
        next(CronSim(expression, datetime.now(UTC)))
    except CronSimError as error:
        raise ValueError(f"{error} in the cron expression; an example is */5 * * * *") from error
    except StopIteration as error:
        raise ValueError("the cron expression never comes true") from error
    return expression


def find_next(cron: str | None, interval_s: int | None, due: datetime, now: datetime) -> datetime:
    """The first due time after `now`, so that times missed are not made up for.

    An interval keeps its phase: the answer is `due` plus a whole number of intervals.
    """
    if interval_s is None:
        return next(CronSim(cron or "", now.astimezone(UTC)))
    interval = timedelta(seconds=interval_s)
    if due > now:
        return due
    return due + ((now - due) // interval + 1) * interval


def find_first(cron: str | None, interval_s: int | None, now: datetime) -> datetime:
    """The first due time of a schedule that begins now: a cron's next time, or one interval from now."""
    return find_next(cron, interval_s, now, now)
