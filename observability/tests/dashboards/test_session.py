import time
from pathlib import Path

import pytest

from opsconductor.dashboards import session
from opsconductor.dashboards.session import FAILURES_ALLOWED, Sessions, read_or_make_secret
from opsconductor.model.errors import ConfigError


@pytest.fixture
def sessions(tmp_path):
    return Sessions("right", "key", tmp_path / "ended")


def test_a_secret_is_made_once_and_for_its_owner_alone(tmp_path):
    path = tmp_path / "a/secret"
    made = read_or_make_secret(path)
    assert len(made) >= 24
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_or_make_secret(path) == made
    assert read_or_make_secret(tmp_path / "b/secret") != made


def test_a_secret_that_a_user_wrote_is_taken(tmp_path):
    (tmp_path / "secret").write_text("my own\n")
    assert read_or_make_secret(tmp_path / "secret") == "my own"


def test_a_secret_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for path in (tmp_path, tmp_path / "binary", tmp_path / "binary/below"):
        with pytest.raises(ConfigError, match=str(path)):
            read_or_make_secret(path)


def test_only_the_right_password_gives_a_cookie(sessions):
    cookie = sessions.log_in("admin", "right", "a")
    assert sessions.is_valid(cookie)
    for user, password in (("admin", "wrong"), ("root", "right"), ("admin", ""), ("\ud800", "\udfff")):
        assert sessions.log_in(user, password, "a") is None


def test_a_cookie_that_was_changed_is_refused(sessions):
    cookie = sessions.log_in("admin", "right", "a")
    expiry, nonce, signature = cookie.split(".")
    for other in (
        "",
        ".",
        "..",
        "x",
        f"{int(expiry) + 1}.{nonce}.{signature}",
        f"{expiry}.{'0' * 16}.{signature}",
        f"{expiry}.{nonce}.{'0' * 64}",
        f"{expiry}.{nonce}.",
        f"²{expiry}.{nonce}.{signature}",
        f"{cookie}\ud800",
        cookie.upper(),
    ):
        assert not sessions.is_valid(other), other


def test_a_cookie_ends_by_itself(sessions, monkeypatch):
    monkeypatch.setattr(session, "SESSION_S", -1)
    assert not sessions.is_valid(sessions.log_in("admin", "right", "a"))


def test_cookies_survive_a_restart_but_not_another_password_or_key(sessions, tmp_path):
    cookie = sessions.log_in("admin", "right", "a")
    assert Sessions("right", "key", tmp_path / "ended").is_valid(cookie)
    assert not Sessions("other", "key", tmp_path / "ended").is_valid(cookie)
    assert not Sessions("right", "another", tmp_path / "ended").is_valid(cookie)


def test_a_logged_out_cookie_stays_out(sessions, tmp_path):
    cookie, other = (sessions.log_in("admin", "right", "a") for _ in range(2))
    sessions.log_out(cookie)
    for one in (sessions, Sessions("right", "key", tmp_path / "ended")):
        assert not one.is_valid(cookie)
        assert one.is_valid(other)


def test_what_is_no_session_cannot_fill_the_file(sessions, tmp_path):
    for cookie in ("", "1.2.3", "9999999999.nonce.signature"):
        sessions.log_out(cookie)
    assert (tmp_path / "ended").read_text() == ""


def test_sessions_that_are_over_leave_the_file(tmp_path):
    live = f"{int(time.time()) + 100}.live"
    (tmp_path / "ended").write_text(f"1.old\n{live}\nnonsense\n")
    Sessions("right", "key", tmp_path / "ended")
    assert (tmp_path / "ended").read_text() == f"{live}\n"


def test_a_file_that_cannot_be_used_is_named(tmp_path):
    with pytest.raises(ConfigError, match="ended"):
        Sessions("right", "key", Path(tmp_path / "none/ended"))


def test_failures_throttle_their_own_address_for_a_minute(sessions, monkeypatch):
    for _ in range(FAILURES_ALLOWED):
        assert not sessions.is_throttled("a")
        sessions.log_in("admin", "wrong", "a")
    assert sessions.is_throttled("a")
    assert not sessions.is_throttled("b")
    later = time.monotonic() + 61
    monkeypatch.setattr(session.time, "monotonic", lambda: later)
    assert not sessions.is_throttled("a")


def test_addresses_are_bounded(sessions, monkeypatch):
    monkeypatch.setattr(session, "ADDRESSES_KEPT", 3)
    for number in range(10):
        sessions.log_in("admin", "wrong", str(number))
    assert list(sessions._failures) == ["7", "8", "9"]
