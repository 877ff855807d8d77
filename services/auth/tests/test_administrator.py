from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from auth_service.administrator import create_administrator
from auth_service.database import Database
from auth_service.errors import SettingsError
from auth_service.passwords import verify_password
from auth_service.roles import Role
from auth_service.tables import User
from auth_service.users import add_user, find_user


async def create(database: Database, path: Path) -> User | None:
    def work(session: Session) -> User | None:
        create_administrator(session, path)
        return find_user(session, "admin")

    return await database.run(work)


async def test_a_password_is_made_and_kept_from_others(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "administrator"
    user = await create(database, path)
    password = path.read_text().strip()
    assert user
    assert user.role == Role.ADMINISTRATOR
    assert len(password) == 24
    assert path.stat().st_mode & 0o777 == 0o600
    assert verify_password(user.password_hash, password)
    assert list(path.parent.iterdir()) == [path]


async def test_a_given_password_is_used(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "administrator"
    path.write_text("correct horse battery\n")
    user = await create(database, path)
    assert user
    assert verify_password(user.password_hash, "correct horse battery")
    assert path.read_text() == "correct horse battery\n"


async def test_nothing_happens_where_there_are_users(database: Database, tmp_path: Path) -> None:
    await database.run(lambda session: add_user(session, "ada", "x", Role.ADMINISTRATOR))
    assert await create(database, tmp_path / "administrator") is None
    assert not (tmp_path / "administrator").exists()


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe"])
async def test_an_unusable_file_is_refused(database: Database, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "administrator"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"^cannot use ADMINISTRATOR_PASSWORD_FILE"):
        await create(database, path)


async def test_a_file_that_cannot_be_written_is_refused(database: Database, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"^cannot use ADMINISTRATOR_PASSWORD_FILE"):
        await create(database, tmp_path / "file" / "administrator")
