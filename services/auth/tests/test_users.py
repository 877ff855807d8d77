import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from auth_service.database import Database
from auth_service.errors import RefusalError
from auth_service.roles import Role
from auth_service.users import (
    Change,
    add_user,
    change_user,
    find_identity,
    find_user,
    list_users,
    record_login,
    remove_user,
)


async def add(database: Database, name: str, role: Role = Role.VIEWER) -> int:
    return (await database.run(lambda session: add_user(session, name, "hash", role))).id


async def test_a_name_belongs_to_one_user(database: Database) -> None:
    await add(database, "ada")
    with pytest.raises(RefusalError, match="taken") as caught:
        await add(database, "ada")
    assert caught.value.status == 409


async def test_users_come_in_pages(database: Database) -> None:
    for name in ("ada", "bob", "cy"):
        await add(database, name)
    users, total = await database.run(lambda session: list_users(session, 2, 1))
    assert ([user.username for user in users], total) == (["bob", "cy"], 3)


async def test_an_inactive_user_is_not_found_at_login(database: Database) -> None:
    user_id = await add(database, "ada")
    assert await database.run(lambda session: find_user(session, "ADA"))
    await database.run(lambda session: change_user(session, user_id, Change(active=False)))
    assert await database.run(lambda session: find_user(session, "ada")) is None
    assert await database.run(lambda session: find_identity(session, user_id)) is None
    with pytest.raises(RefusalError, match="not active"):
        await database.run(lambda session: record_login(session, user_id, datetime.now(UTC)))


@pytest.mark.parametrize(
    "lose",
    [
        lambda session, user_id: change_user(session, user_id, Change(role=Role.VIEWER)),
        lambda session, user_id: change_user(session, user_id, Change(active=False)),
        remove_user,
    ],
)
async def test_the_last_administrator_stays(database: Database, lose) -> None:
    first = await add(database, "ada", Role.ADMINISTRATOR)
    with pytest.raises(RefusalError, match="last active administrator") as caught:
        await database.run(lambda session: lose(session, first))
    assert caught.value.status == 409
    await add(database, "bob", Role.ADMINISTRATOR)
    await database.run(lambda session: lose(session, first))


async def test_two_administrators_cannot_remove_each_other(database: Database) -> None:
    ids = [await add(database, name, Role.ADMINISTRATOR) for name in ("ada", "bob")]

    def demote(user_id: int):
        def work(session: Session) -> None:
            change_user(session, user_id, Change(role=Role.VIEWER))

        return database.run(work)

    outcomes = await asyncio.gather(*map(demote, ids), return_exceptions=True)
    refused = [outcome for outcome in outcomes if outcome is not None]
    assert len(refused) == 1
    assert isinstance(refused[0], RefusalError)


async def test_the_database_knows_the_roles(database: Database) -> None:
    with pytest.raises(SQLAlchemyError):
        await database.run(lambda session: add_user(session, "ada", "hash", "emperor"))  # type: ignore[arg-type]


async def test_a_missing_user_is_404(database: Database) -> None:
    with pytest.raises(RefusalError, match="user 99") as caught:
        await database.run(lambda session: remove_user(session, 99))
    assert caught.value.status == 404
