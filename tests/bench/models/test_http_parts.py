"""The small parts of the transport: Retry-After, the gate, bodies, keys."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from starprobe.bench.models.names import key_name, providers, redact
from starprobe.bench.models.transport import (
    Fault,
    Gate,
    parse,
    retry_after,
    server_message,
    status_fault,
)

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:09 GMT"}, 9.0),
        ({"retry-after": "Thu, 01 Jan 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after-ms": "1500", "retry-after": "7"}, 1.5),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers, NOW) == seconds


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_passing_statuses_are_passing(status: int) -> None:
    assert not status_fault(status, {}, "", url="u", key="K").error.permanent


def test_an_account_without_money_is_permanent_though_it_says_429() -> None:
    fault = status_fault(429, {}, '{"error": {"code": "insufficient_quota"}}', url="u", key="K")
    assert fault.error.permanent
    assert fault.for_all


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"error": {"message": "bad\\nmodel"}}', "bad model"),
        ('{"error": "bad"}', "bad"),
        ('{"detail": [{"loc": ["seed"]}]}', '[{"loc": ["seed"]}]'),
        ("<html> busy </html>", "<html> busy </html>"),
    ],
)
def test_the_servers_own_words_become_ours(body: str, said: str) -> None:
    assert server_message(body) == said


def test_the_gate_cuts_once_a_round_trip_and_grows_back() -> None:
    async def scene() -> list[float]:
        gate = Gate(10)
        entered = [await gate.enter() for _ in range(5)]
        seen = [gate.limit]
        for moment in entered:
            gate.crowded(moment, 0.0)
        seen.append(gate.limit)
        for _ in range(200):
            gate.succeeded()
        seen.append(gate.limit)
        return seen

    assert asyncio.run(scene()) == [10.0, 7.0, 10.0]


def test_few_that_are_turned_away_are_accidents_and_many_a_crowd() -> None:
    async def scene(of_100: int) -> float:
        gate = Gate(64)
        for number in range(2000):
            entered = await gate.enter()
            if number % 100 < of_100:
                gate.crowded(entered, 0.0)
            else:
                gate.succeeded()
            await gate.leave()
        return gate.limit

    assert asyncio.run(scene(3)) == 64
    assert asyncio.run(scene(30)) < 32


@pytest.mark.parametrize(
    "body", [b"", b"[1]", b"\xff\xfe", b'{"a": 1', b'{"a": 1}{"a": 2}', b"null"]
)
def test_what_is_no_single_object_is_a_fault(body: bytes) -> None:
    with pytest.raises(Fault):
        parse(body, "application/json")


def test_a_body_sent_twice_counts_once() -> None:
    assert parse(b'{"a": 1} {"a": 1}', "") == {"a": 1}


def test_an_error_under_status_200_is_one() -> None:
    with pytest.raises(Fault) as caught:
        parse(b'{"error": {"code": 429, "message": "later"}}', "application/json")
    assert caught.value.error.kind == "http_429"


def test_hosts_have_their_own_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STARPROBE_API_KEY", raising=False)
    openai, azure = providers()["openai"], providers()["azure"]
    monkeypatch.delenv("AZURE_OPENAI_ENDPOINT", raising=False)
    assert key_name(openai, "https://api.mistral.ai/v1") == "MISTRAL_API_KEY"
    assert key_name(openai, "https://evil.example/v1") == "STARPROBE_API_KEY"
    assert key_name(openai, "http://127.0.0.1:8000/v1") == "OPENAI_API_KEY"
    assert key_name(azure, "https://me.openai.azure.com/openai/v1") == "AZURE_OPENAI_API_KEY"
    assert key_name(azure, "https://openai.azure.com.evil.example/v1") == "STARPROBE_API_KEY"


def test_keys_and_passwords_are_blotted_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", "abcdefgh1234")
    text = redact("failed at https://me:pw@host/x with abcdefgh1234")
    assert text == "failed at https://[key]@host/x with [key]"
