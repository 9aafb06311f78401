"""What a bad network and a bad server may do: every request ends as exactly one generation."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter

import pytest

from starprobe.bench.models import BackendOptions, load_backend
from starprobe.bench.models.http import HttpBackend
from starprobe.bench.records import Generation
from starprobe.probes.errors import MissingError
from tests.bench.models.makers import QUICK, request
from tests.bench.models.misbehaving import MisbehavingServer, Script

PASSING = (
    "429_seconds",
    "429_date",
    "500",
    "503",
    "529",
    "408",
    "reset",
    "cut_body",
    "half_json",
    "html",
    "empty_choices",
    "reported",
)
SLOW = ("stall", "drip")


def at_random(faults: tuple[str, ...], share: float) -> Script:
    """Misbehaves on a share of all tries, the same ones every time."""

    def script(prompt: str, tried: int) -> str:
        drawn = int.from_bytes(hashlib.sha256(f"{prompt}/{tried}".encode()).digest()[:8], "big")
        if drawn / 2**64 >= share:
            return ("ok", "twice", "plain_json")[drawn % 3]
        return faults[drawn % len(faults)]

    return script


def auth_of(backend: HttpBackend) -> dict[str, str]:
    """The headers that authenticate."""
    return asyncio.run(backend.endpoint.auth.headers(backend.endpoint.url, {}, b""))


def ask(
    server: MisbehavingServer, count: int, options: BackendOptions = QUICK
) -> dict[str, Generation]:
    """One generation for each of so many prompts; fails on a second one."""
    backend = load_backend(f"openai:m@{server.url}", options)
    try:
        pairs = list(backend.generate([request(f"p{i}") for i in range(count)]))
    finally:
        backend.close()
    assert [n for n in Counter(name for name, _ in pairs).values() if n > 1] == []
    return dict(pairs)


def test_two_thousand_prompts_all_succeed_when_a_fifth_of_the_tries_fails() -> None:
    with MisbehavingServer(at_random(PASSING, 0.2)) as server:
        found = ask(server, 2000)
    assert len(found) == 2000
    assert [row.error for row in found.values() if row.error] == []
    assert all(row.text == f"answer to {name}" for name, row in found.items())


def test_stalls_and_drips_end_at_the_deadline_and_are_tried_again() -> None:
    options = QUICK.model_copy(update={"timeout_s": 0.4})
    with MisbehavingServer(at_random(SLOW, 0.2)) as server:
        found = ask(server, 200, options)
    assert [row.error for row in found.values() if row.error] == []


def test_two_thousand_prompts_all_end_as_rows_when_every_try_fails() -> None:
    # Waits are scaled down: 2,000 prompts and their second tries are what is to be seen.
    options = BackendOptions(concurrency=64, timeout_s=1.0, retries=1, max_wait_s=0.002)
    others = at_random((*PASSING * 2, "400", "403", "422"), 1.0)

    def script(prompt: str, tried: int) -> str:
        number = int(prompt.removeprefix("p"))
        # At first: where nothing succeeds, requests go one at a time in the end.
        return SLOW[number % 2] if number < 20 else others(prompt, tried)

    with MisbehavingServer(script) as server:
        found = ask(server, 2000, options)
        assert sum(server.tries.values()) > 3500
    assert len(found) == 2000
    assert all(row.error and not row.text for row in found.values())
    kinds = {row.error.kind for row in found.values() if row.error}
    assert {"http_429", "http_529", "timeout", "bad_json", "empty_choices", "http_403"} <= kinds


@pytest.mark.parametrize("status", ["400", "401", "403", "404", "410", "422"])
def test_permanent_errors_are_not_tried_again(status: str) -> None:
    with MisbehavingServer(lambda prompt, tried: status) as server:
        found = ask(server, 1)
        assert sum(server.tries.values()) == 1
    (row,) = found.values()
    assert row.error is not None
    assert row.error.kind == f"http_{status}"
    assert row.error.permanent


def test_a_wrong_key_ends_the_run_without_asking_two_thousand_times() -> None:
    with MisbehavingServer(lambda prompt, tried: "401") as server:
        found = ask(server, 2000)
        assert sum(server.tries.values()) <= QUICK.concurrency
    assert {row.error.kind for row in found.values() if row.error} == {"http_401"}
    assert len(found) == 2000


def test_a_server_that_is_not_there_is_said_at_once() -> None:
    start = time.monotonic()
    backend = load_backend("openai:m@http://127.0.0.1:9", QUICK)
    rows = dict(backend.generate([request(f"p{i}") for i in range(500)]))
    backend.close()
    assert time.monotonic() - start < 5
    assert len(rows) == 500
    for row in rows.values():
        assert row.error is not None
        assert row.error.kind == "unreachable"
        assert not row.error.permanent


@pytest.mark.parametrize("form", ["429_seconds", "429_date"])
def test_both_forms_of_retry_after_are_waited_for(form: str) -> None:
    options = QUICK.model_copy(update={"max_wait_s": 5.0})
    with MisbehavingServer(lambda prompt, tried: form if tried == 1 else "ok") as server:
        start = time.monotonic()
        found = ask(server, 1, options)
        waited = time.monotonic() - start
    assert found["p0"].error is None
    assert 0.9 <= waited < 4


def test_a_crowded_server_is_asked_less_and_then_more_again() -> None:
    turned_away = 0

    def script(prompt: str, tried: int) -> str:
        nonlocal turned_away
        if server.under_way > 8 and turned_away < 200:
            turned_away += 1
            return "529"
        return "ok"

    options = QUICK.model_copy(update={"concurrency": 32, "retries": 40})
    with MisbehavingServer(script, latency_s=0.01) as server:
        found = ask(server, 1500, options)
        assert [row.error for row in found.values() if row.error] == []
        # Without backing off each of the 24 too many would be turned away every 10 ms.
        assert turned_away < 200


def test_it_works_inside_a_running_event_loop() -> None:
    async def notebook_cell() -> dict[str, Generation]:
        with MisbehavingServer(lambda prompt, tried: "ok") as server:
            return ask(server, 5)

    assert len(asyncio.run(notebook_cell())) == 5


def test_leaving_early_cancels_what_is_under_way() -> None:
    with MisbehavingServer(lambda prompt, tried: "ok", latency_s=0.02) as server:
        backend = load_backend(f"openai:m@{server.url}", BackendOptions(concurrency=4))
        stream = backend.generate([request(f"p{i}") for i in range(1000)])
        next(stream)
        stream.close()
        time.sleep(0.1)
        asked = sum(server.tries.values())
        time.sleep(0.1)
        assert sum(server.tries.values()) == asked < 50
        # The backend can be used again.
        assert len(dict(backend.generate([request("again")]))) == 1
        backend.close()
        backend.close()


def test_a_key_that_a_server_echoes_is_blotted_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARPROBE_API_KEY", "sk-planted-0123456789")
    with MisbehavingServer(lambda prompt, tried: "echo_key") as server:
        found = ask(server, 1)
        assert server.headers[0]["authorization"] == "Bearer sk-planted-0123456789"
    assert "planted" not in found["p0"].model_dump_json()
    assert "[key]" in found["p0"].model_dump_json()


def test_a_vendors_key_goes_to_no_other_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-0123456789")
    monkeypatch.delenv("STARPROBE_API_KEY", raising=False)
    elsewhere = load_backend("openai:m@https://example.org/v1")
    assert isinstance(elsewhere, HttpBackend)
    assert auth_of(elsewhere) == {}
    here = load_backend("openai:m@http://127.0.0.1:9/v1")
    assert isinstance(here, HttpBackend)
    assert "planted" in str(auth_of(here))


def test_a_vendors_own_host_wants_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(MissingError, match="set OPENAI_API_KEY"):
        load_backend("openai:gpt-4o")


def test_info_names_no_secret_of_a_url() -> None:
    backend = load_backend("openai:m@http://user:word@127.0.0.1:9/v1?key=abc")
    shown = backend.info().model_dump_json()
    assert "word" not in shown
    assert "abc" not in shown


def test_a_refused_parameter_is_left_out_from_then_on() -> None:
    with MisbehavingServer(lambda prompt, tried: "ok") as server:
        answer = server._answer

        async def picky(body, headers, writer):  # type: ignore[no-untyped-def]
            if "temperature" in body:
                from tests.bench.models.misbehaving import http

                said = (
                    b'{"error": {"message": "Unsupported value: \'temperature\' does not support 0'
                    b' with this model.", "param": "temperature", "code": "unsupported_value"}}'
                )
                writer.write(http(400, said))
                return True
            return await answer(body, headers, writer)

        server._answer = picky  # type: ignore[method-assign]
        backend = load_backend(f"openai:m@{server.url}", QUICK)
        rows = dict(backend.generate([request(f"p{i}") for i in range(20)]))
        backend.close()
    assert [row.error for row in rows.values() if row.error] == []
    assert backend.info().details["not_sent"] == ["temperature"]
