"""Managing users, for administrators."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from auth_service.api.access import Administrator, Own
from auth_service.api.bodies import ChangeUserBody, NewUserBody, UserAnswer, UsersAnswer
from auth_service.users import Change, add_user, change_user, get_user, list_users, remove_user
from opsconductor_telemetry import get_logger

router = APIRouter(prefix="/users")
log = get_logger(__name__)

UserId = Annotated[int, Path(ge=1, lt=2**63)]


@router.get("")
async def read_users(
    _: Administrator,
    services: Own,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, lt=2**31)] = 0,
) -> UsersAnswer:
    """One page of the users, by id."""
    users, total = await services.database.run(lambda db: list_users(db, limit, offset))
    return UsersAnswer.of(users, total)


@router.post("", status_code=201)
async def create_user(body: NewUserBody, caller: Administrator, services: Own) -> UserAnswer:
    """A new user; 409 when the name is taken."""
    password_hash = await services.hashing.hash(body.password.get_secret_value())
    user = await services.database.run(lambda db: add_user(db, body.username, password_hash, body.role))
    log.info("user created", **{"user.name": user.username, "user.role": user.role, "by": caller.user.username})
    return UserAnswer.model_validate(user)


@router.get("/{user_id}")
async def read_user(user_id: UserId, _: Administrator, services: Own) -> UserAnswer:
    """One user; 404."""
    return UserAnswer.model_validate(await services.database.run(lambda db: get_user(db, user_id)))


@router.patch("/{user_id}")
async def update_user(user_id: UserId, body: ChangeUserBody, caller: Administrator, services: Own) -> UserAnswer:
    """Change role, activity or password; the user's sessions end, so that nobody goes on under the old role."""
    password_hash = None if body.password is None else await services.hashing.hash(body.password.get_secret_value())
    change = Change(body.role, body.active, password_hash)
    user = await services.database.run(lambda db: change_user(db, user_id, change))
    if change != Change():
        await services.sessions.end_all(user.id)
    if password_hash is not None:
        await services.lock_out.unlock(user.username)
    changed = sorted(body.model_fields_set)
    log.info("user changed", **{"user.name": user.username, "changed": changed, "by": caller.user.username})
    return UserAnswer.model_validate(user)


@router.delete("/{user_id}", status_code=204)
async def delete_user(user_id: UserId, caller: Administrator, services: Own) -> None:
    """Remove a user and end its sessions; 409 for the last active administrator."""
    user = await services.database.run(lambda db: remove_user(db, user_id))
    await services.sessions.end_all(user_id)
    log.info("user removed", **{"user.name": user.username, "by": caller.user.username})
