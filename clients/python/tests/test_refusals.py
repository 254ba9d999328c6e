"""A refusal leads to a new token and a repeated request, to an exception, or is returned."""

import io
from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests

import daypass_client
from app.domain.identity import Caller
from app.domain.tokens import Issued, RefreshToken
from app.services.held_tokens import BySecret
from clients.python.tests.conftest import Daypass
from clients.python.tests.recording import Answer, Recorder
from daypass_client import DaypassAuth, DaypassError
from tests.factories import OPERATOR

ALATIONS_REFUSAL = {"detail": "Authentication credentials were not provided.", "code": "403000"}


def auth_for(daypass: Daypass, refresh: Issued[RefreshToken], *apis: str) -> DaypassAuth:
    return DaypassAuth(url=daypass.url, refresh_token=refresh.secret, apis=apis)


@pytest.mark.parametrize("reason", ["token_expired", "token_revoked", "token_superseded", "token_unknown"])
@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("where", ["body", "header"])
def test_an_inactive_token_is_replaced_and_the_request_repeated(
    daypass: Daypass, refresh: Issued[RefreshToken], recorder: Recorder, reason: str, status: int, where: str
) -> None:
    members, headers = ({"reason": reason}, {}) if where == "body" else ({}, {"X-Auth-Reason": reason})
    recorder.script.append(Answer(status, members, headers))
    auth = auth_for(daypass, refresh, recorder.url)
    answer = requests.post(f"{recorder.url}/x", json={"a": 1}, auth=auth, timeout=60)
    first, second = recorder.seen
    assert (answer.status_code, [each.status_code for each in answer.history]) == (200, [status])
    assert first.body == second.body == '{"a": 1}'
    assert first.token != second.token == auth.token()
    assert daypass.mints(refresh) == 2


def test_alations_refusal_without_a_reason_means_an_inactive_token(
    daypass: Daypass, refresh: Issued[RefreshToken], recorder: Recorder
) -> None:
    recorder.script.append(Answer(403, ALATIONS_REFUSAL))
    auth = auth_for(daypass, refresh, recorder.url)
    assert requests.get(recorder.url, auth=auth, timeout=60).status_code == 200
    assert daypass.mints(refresh) == 2


@pytest.mark.parametrize(
    "refusal",
    [
        Answer(401, {"reason": "owner_disabled"}),
        Answer(401, {"reason": "owner_must_sign_in"}),
        Answer(403, {"reason": "not_permitted"}),
        Answer(403, {"reason": "token_missing"} | ALATIONS_REFUSAL),
        Answer(403, {"reason": "token_revoked"}, {"X-Auth-Reason": "not_permitted"}),
        Answer(403, {"detail": "You do not have permission to perform this action."}),
        Answer(401, ["token_revoked"]),
        Answer(403, {"reason": "token_revoked"}, {"Content-Type": "text/html"}),
        Answer(400, {"reason": "token_revoked"}),
        Answer(503, {"reason": "unavailable"}, {"Retry-After": "60"}),
    ],
    ids=lambda refusal: f"{refusal.status} {refusal.members}",
)
def test_any_other_refusal_is_returned_unchanged(
    daypass: Daypass, refresh: Issued[RefreshToken], recorder: Recorder, refusal: Answer
) -> None:
    recorder.answer = lambda _seen: refusal
    answer = requests.get(recorder.url, auth=auth_for(daypass, refresh, recorder.url), timeout=60)
    assert (answer.status_code, answer.json(), answer.history) == (refusal.status, refusal.members, [])
    assert len(recorder.seen) == 1
    assert daypass.mints(refresh) == 1


def test_a_refusal_of_the_new_token_is_returned(
    daypass: Daypass, refresh: Issued[RefreshToken], recorder: Recorder
) -> None:
    """One mint, one repetition: an API that uses another Daypass does not cause endless mints."""
    recorder.answer = lambda _seen: Answer(403, {"reason": "token_unknown"})
    answer = requests.get(recorder.url, auth=auth_for(daypass, refresh, recorder.url), timeout=60)
    assert answer.status_code == 403
    assert len(recorder.seen) == daypass.mints(refresh) == 2


def chunks() -> Iterator[bytes]:
    yield b"one"
    yield b"two"


def test_a_body_that_can_be_sent_only_once_is_sent_once_and_the_next_request_has_a_new_token(
    daypass: Daypass, refresh: Issued[RefreshToken], recorder: Recorder
) -> None:
    recorder.script.append(Answer(401, {"reason": "token_expired"}))
    auth = auth_for(daypass, refresh, recorder.url)
    refused = requests.post(recorder.url, data=chunks(), auth=auth, timeout=60)
    again = requests.post(recorder.url, data=chunks(), auth=auth, timeout=60)
    assert (refused.status_code, refused.json(), again.status_code) == (401, {"reason": "token_expired"}, 200)
    first, second = recorder.seen
    assert first.body == second.body == "onetwo"
    assert first.token != second.token
    assert daypass.mints(refresh) == 2


def test_a_file_is_sent_again_from_its_first_position(
    daypass: Daypass, refresh: Issued[RefreshToken], recorder: Recorder
) -> None:
    """Fails when ``rewind_body`` is not called (tried): the second body is empty."""
    recorder.script.append(Answer(401, {"reason": "token_expired"}))
    file = io.BytesIO(b"skipped, sent")
    file.seek(9)
    auth = auth_for(daypass, refresh, recorder.url)
    assert requests.put(recorder.url, data=file, auth=auth, timeout=60).status_code == 200
    assert [seen.body for seen in recorder.seen] == ["sent", "sent"]


def test_each_refusal_of_a_refresh_token_has_an_exception_that_says_what_to_do_and_where(daypass: Daypass) -> None:
    revoking, accounts = daypass.services.revoking, daypass.services.accounts
    expired = daypass.refresh_token(ends_in=timedelta(seconds=-1))
    revoked, regenerated, disabled, good = (daypass.refresh_token() for _ in range(4))
    revoking.revoke(revoked.token.public_id, "a test", OPERATOR)
    daypass.services.issuing.regenerate(BySecret(regenerated.secret), Caller(""))
    accounts.change(disabled.token.user_id, {"is_active": False}, OPERATOR)
    cases = [
        (expired.secret, expired.token.user_id, "RefreshTokenExpired", "Regenerate it"),
        (revoked.secret, revoked.token.user_id, "RefreshTokenRevoked", "ask an administrator"),
        (regenerated.secret, regenerated.token.user_id, "RefreshTokenRevoked", "new secret"),
        (
            good.secret[:-1],
            good.token.user_id,
            "RefreshTokenUnknown",
            "all of it was copied.*is cut short: copy all of it",
        ),
        ("opaque-refresh-token", good.token.user_id, "RefreshTokenUnknown", r"created at \S+/account/auth\.$"),
        (disabled.secret, disabled.token.user_id, "OwnerDisabled", "Ask an administrator"),
        (good.secret, good.token.user_id + 1, "UserIdMismatch", "Set DAYPASS_USER_ID"),
    ]
    for secret, user_id, name, advice in cases:
        for dialect in [user_id, None] if name != "UserIdMismatch" else [user_id]:
            options = {} if dialect is None else {"user_id": dialect}
            with pytest.raises(DaypassError, match=advice) as caught:
                DaypassAuth(url=daypass.url, refresh_token=secret, **options).token()
            assert type(caught.value) is getattr(daypass_client, name), (name, dialect)
            assert f"{daypass.url}/account/auth" in str(caught.value)
            assert secret not in str(caught.value)


def test_a_refresh_token_revoked_while_the_script_runs_raises_at_the_next_call(
    daypass: Daypass, refresh: Issued[RefreshToken]
) -> None:
    auth = auth_for(daypass, refresh)
    assert requests.get(f"{daypass.url}/api/v1/me", auth=auth, timeout=60).status_code == 200
    daypass.services.revoking.revoke(refresh.token.public_id, "a test", OPERATOR)
    with pytest.raises(daypass_client.RefreshTokenRevoked):
        requests.get(f"{daypass.url}/api/v1/me", auth=auth, timeout=60)


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (Answer(401, {"detail": "Refresh token provided is invalid."}), "RefreshTokenUnknown"),
        (Answer(401, {"detail": "Refresh token provided is expired or revoked."}), "RefreshTokenRefused"),
        (Answer(403, {"detail": "Not for you.", "reason": "not_permitted"}), "MintingRefused"),
        (Answer(404, {"detail": "Not found."}), "WrongAddress"),
        (Answer(200, {"hello": "world"}), "WrongAddress"),
        (Answer(201, {"api_access_token": "two\nlines"}), "WrongAddress"),
    ],
    ids=lambda case: str(getattr(case, "members", case)),
)
def test_answers_of_alation_and_of_other_servers_have_exceptions(recorder: Recorder, answer: Answer, name: str) -> None:
    recorder.answer = lambda _seen: answer
    with pytest.raises(DaypassError) as caught:
        DaypassAuth(url=recorder.url, refresh_token="opaque-refresh-token", user_id=7).token()
    assert type(caught.value) is getattr(daypass_client, name)


@pytest.mark.parametrize("reason", ["token_malformed", "token_revoked", "not_permitted"])
def test_a_hint_of_the_server_is_in_the_exception_without_secrets_and_in_one_line(
    recorder: Recorder, reason: str
) -> None:
    for hint, shown in (("There is\nwhite space.", " There is white space."), (7, ""), (None, ""), ("", ""),
                        ("Not opaque-refresh-token!", " Not <hidden>!"), ("x" * 500, " " + "x" * 200)):  # fmt: skip
        recorder.script.append(Answer(401, {"detail": "No.", "reason": reason, "hint": hint, "more": [1]}))
        with pytest.raises(DaypassError) as caught:
            DaypassAuth(url=recorder.url, refresh_token="opaque-refresh-token", user_id=7).token()
        assert str(caught.value).endswith(f".{shown}") or str(caught.value).endswith(f"){shown}")


def test_with_a_user_id_it_mints_by_alations_api_and_without_by_daypass_own(recorder: Recorder) -> None:
    for user_id, path, member in ((7, "/integration/v1/createAPIAccessToken/", "api_access_token"),
                                  (None, "/api/v1/access-tokens", "secret")):  # fmt: skip
        recorder.script.append(Answer(201, {member: f"opaque-access-token-{user_id}"}))
        options = {} if user_id is None else {"user_id": user_id}
        auth = DaypassAuth(url=recorder.url, refresh_token=f"opaque-{user_id}", **options)
        assert auth.token() == f"opaque-access-token-{user_id}"
        assert recorder.seen[-1].path == path
        assert ('"user_id": 7' in recorder.seen[-1].body) is (user_id == 7)
