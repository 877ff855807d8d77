import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsconductor_telemetry import redaction
from opsconductor_telemetry.redaction import (
    MAX_NODES,
    REDACTED,
    is_secret_key,
    redact_fields,
    redact_text,
)


@pytest.mark.parametrize(
    "name",
    [
        "password", "PASSWORD", "passwd", "new_password", "user.password", "Authorization", "Proxy-Authorization",
        "cookie", "Set-Cookie", "secret", "client_secret", "token", "accessToken", "refresh_token", "X-Api-Key",
        "apikey", "api_key", "private_key", "dsn", "DATABASE_DSN", "pwd", "jwt", "credentials",
        "http.request.header.cookie",
    ],
)  # fmt: skip
def test_a_field_with_a_telling_name_is_secret(name: str) -> None:
    assert is_secret_key(name)
    assert redact_fields({name: "hunter2"}) == {name: REDACTED}


@pytest.mark.parametrize(
    "name",
    ["user.name", "url.path", "job", "run_id", "passenger", "monkey", "keyboard", "adsn", "session.id", "author"],
)
def test_other_names_are_not(name: str) -> None:
    assert not is_secret_key(name)


def test_secrets_are_found_at_any_depth() -> None:
    fields = {"request": {"headers": [{"Cookie": "a=b", "Accept": "*/*"}], "body": ("x", {"password": None})}}
    assert redact_fields(fields) == {
        "request": {"headers": [{"Cookie": REDACTED, "Accept": "*/*"}], "body": ["x", {"password": None}]}
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://user:hunter2@host/db failed", "postgresql://[redacted]@host/db failed"),
        ("redis://:hunter2@host", "redis://[redacted]@host"),
        ("https://host/path@x?y=1", "https://host/path@x?y=1"),
        ("GET /x?token=hunter2&page=2", "GET /x?token=[redacted]&page=2"),
        ("GET /x?page=2&api_key=hunter2#top", "GET /x?page=2&api_key=[redacted]"),
        ("Authorization: Bearer hunterhunter2", "Authorization: Bearer [redacted]"),
        ("got basic aHVudGVyMg==", "got basic [redacted]"),
        ('{"password": "hunter2", "a": "b"}', '{"password": "[redacted]", "a": "b"}'),
        ("input={'password': 'hunter2', 'a': 1}", "input={'password': '[redacted]', 'a': 1}"),
        ('"{\\"password\\": \\"hunter2\\"}"', '"{\\"password\\": \\"[redacted]\\"}"'),
        ("host=db password=hunter2 dbname=x", "host=db password=[redacted] dbname=x"),
        ("password='hunter2 hunter2' x", "password=[redacted]' x"),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl rest", "[redacted] rest"),
        ("row (1, $argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA, t)", "row (1, [redacted] t)"),
        ("cannot log in: wrong user name or password", "cannot log in: wrong user name or password"),
        ("refresh token reused", "refresh token reused"),
        ("basic checks passed", "basic checks passed"),
    ],
)
def test_secrets_are_told_by_their_form(text: str, expected: str) -> None:
    assert redact_text(text) == expected


def test_the_copy_is_bounded_in_depth_and_size() -> None:
    endless: dict = {}
    endless["again"] = endless
    assert "…" in str(redact_fields(endless))
    wide = redact_fields({"list": list(range(10 * MAX_NODES)), "text": "x" * 10**7})
    assert len(wide["list"]) <= MAX_NODES
    assert len(wide["text"]) < 200_000


@settings(deadline=None)
@given(
    st.text()
    | st.lists(st.sampled_from(["://", "@", "eyJ", "-", "password", "=", '"', "token", ".", " "])).map("".join)
)
def test_no_text_before_it_hides_a_secret(text: str) -> None:
    assert "hunter2" not in redact_text(f"{text} password=hunter2 ")


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece", ["eyJaaaaaaaa-", "://", "password", "token=", 'password="', "bearer ", "a://b", "$argon2id$", "secret'"]
)
def test_the_work_grows_with_the_length_only(piece: str) -> None:
    # a quadratic pattern would not come back in time
    text = piece * (120_000 // len(piece))
    assert 0 < len(redact_text(text)) <= 3 * len(text)


FRAGMENTS = [
    *("://", "u:p@h", "Bearer ", "basic ", "abc123=", "eyJ", "hbGciOi.e30.x", "$argon2id$", "$2b$", "$scrypt$"),
    *(
        "passwd",
        "PASSWORD",
        "Token",
        "api-Key",
        "accesskey",
        "dsn",
        "JWT",
        "cookie",
        "=",
        '": "',
        "':'",
        " ",
        "&",
        "x",
    ),
]


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join))
def test_looking_for_words_first_changes_no_result(text: str) -> None:
    expected = text
    for _, substitutions in redaction._SUBSTITUTIONS:
        for pattern, replacement in substitutions:
            expected = pattern.sub(replacement, expected)
    assert redact_text(text) == expected
