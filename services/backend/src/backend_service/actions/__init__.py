"""What a job can do to a target, a file per kind.

An action is a pydantic model (its fields are the API's and the database's form of it) with one method:

    async def run(self, target: Endpoint) -> Outcome

`run` keeps within `timeout_s`, raises nothing for what a target may do, and cleans up when it is cancelled.
"""

from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from backend_service.actions.command import CommandAction
from backend_service.actions.http import HttpAction
from backend_service.actions.outcome import Endpoint, Outcome
from backend_service.actions.tcp import TcpAction

Action = Annotated[HttpAction | TcpAction | CommandAction, Field(discriminator="kind")]

_actions: TypeAdapter[list[HttpAction | TcpAction | CommandAction]] = TypeAdapter(list[Action])


def load_actions(stored: list[dict[str, Any]]) -> list[HttpAction | TcpAction | CommandAction]:
    """The actions of a stored job or plan, in their order."""
    return _actions.validate_python(stored)


__all__ = ["Action", "CommandAction", "Endpoint", "HttpAction", "Outcome", "TcpAction", "load_actions"]
