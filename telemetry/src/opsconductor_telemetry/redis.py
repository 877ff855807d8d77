"""Commands of redis-py's clients, those that wait and those of asyncio. Keys and values are left out: both may be
secrets.
"""

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

from opsconductor_telemetry.database import Operation

Execute = Callable[..., Any]
Begin = Callable[..., Operation]


def instrument_redis(client: Any) -> None:  # redis.Redis or redis.asyncio.Redis, which telemetry does not depend on
    """Make a span and an observation of each command and each pipeline of this client."""
    make_pipeline = client.pipeline

    def pipeline(*arguments: Any, **options: Any) -> Any:
        made = make_pipeline(*arguments, **options)
        made.execute = _wrap(made.execute, lambda *_: _begin_pipeline(made))
        return made

    client.execute_command = _wrap(client.execute_command, _begin_command)
    client.pipeline = pipeline


def _wrap(execute: Execute, begin: Begin) -> Execute:
    async def execute_later(*arguments: Any, **options: Any) -> Any:
        operation = begin(*arguments)
        try:
            result: Any = await execute(*arguments, **options)
        except BaseException as error:
            operation.finish(error)
            raise
        operation.finish()
        return result

    def execute_now(*arguments: Any, **options: Any) -> Any:
        operation = begin(*arguments)
        try:
            result = execute(*arguments, **options)
        except BaseException as error:
            operation.finish(error)
            raise
        operation.finish()
        return result

    return execute_later if iscoroutinefunction(execute) else execute_now


def _begin_command(command: str, *_: Any) -> Operation:
    """Commands of two words ("XGROUP CREATE") come as one argument."""
    name = str(command).upper()
    return Operation("redis", name, name, {})


def _begin_pipeline(pipeline: Any) -> Operation:
    name = "MULTI" if getattr(pipeline, "is_transaction", getattr(pipeline, "transaction", False)) else "PIPELINE"
    return Operation("redis", name, name, {"db.operation.batch.size": len(pipeline)})
