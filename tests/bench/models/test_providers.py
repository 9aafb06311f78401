"""Providers are data: each dialect, each way to authenticate, and what services refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from starprobe.bench.models import BackendOptions, generate, http, load_backend, parse_model
from starprobe.bench.models.backend import body_of, headers_of
from starprobe.bench.models.http import HttpBackend
from starprobe.bench.models.names import providers
from starprobe.bench.records import Generation, Sampling
from starprobe.probes.errors import InputError, MissingError
from tests.bench.models.makers import QUICK, request
from tests.bench.models.services import Asked, Reply, Service, serving, streamed, whole

TEXT, THOUGHT = "The answer is (A).", "B fails, A fits."
KEY = "sk-planted-0123456789"
DIALECTS = {
    "openai": "openai:m",
    "responses": "openai-responses:o3",
    "anthropic": "anthropic:claude-x",
    "ollama": "ollama:m",
    "gemini": "gemini:gemini-2.5-flash",
    "bedrock": "bedrock:anthropic.claude-3-haiku-20240307-v1:0",
}
"""Dialect -> a model that is spoken to so."""


def ask(
    service: Service, model: str, options: BackendOptions = QUICK, path: str = "", **sampling: Any
) -> tuple[Generation, HttpBackend]:
    """One answer of a model at this service, and the backend that asked."""
    backend = load_backend(f"{model}@{service.url}{path}", options)
    assert isinstance(backend, HttpBackend)
    try:
        ((_, generation),) = generate(backend, [request("Hello?", system="Be brief.", **sampling)])
    finally:
        backend.close()
    return generation, backend


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_gives_the_same_response(dialect: str) -> None:
    with serving(lambda asked, number: (200, whole(dialect, TEXT, THOUGHT))) as service:
        found, backend = ask(service, DIALECTS[dialect])
    assert found.error is None
    assert (found.text, found.reasoning, found.finish_reason) == (TEXT, THOUGHT, "stop")
    assert found.usage is not None
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (7, 5)
    sent = json.dumps(service.asked[0].body)
    assert "Hello?" in sent and "Be brief." in sent
    (recorded,) = backend.info().details["sent"]
    assert "Hello?" not in json.dumps(recorded) and "Be brief." not in json.dumps(recorded)


@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "bedrock"])
def test_a_service_that_only_streams_is_learnt(dialect: str) -> None:
    def answer(asked: Asked, number: int) -> Reply:
        if not (asked.body.get("stream") or "stream" in asked.path):
            said = "This model only supports streaming: stream must be set to true"
            return 400, {"error": {"message": said}}
        kind = "application/x-ndjson" if dialect == "ollama" else "text/event-stream"
        return 200, streamed(dialect, TEXT, THOUGHT), {"content-type": kind}

    with serving(answer) as service:
        found, backend = ask(service, DIALECTS[dialect])
    assert found.error is None
    assert (found.text, found.reasoning, found.finish_reason) == (TEXT, THOUGHT, "stop")
    assert len(service.asked) == 2
    assert backend.quirks.stream


def test_a_stream_that_nobody_asked_for_is_read_and_one_that_breaks_off_is_asked_again() -> None:
    stream = streamed("openai", TEXT, THOUGHT)
    broken = stream[: stream.index('data: {"choices": [{"delta": {}, "finish_reason"')]

    with serving(lambda asked, number: (200, broken if number == 1 else stream)) as service:
        found, _ = ask(service, "openai:m")
    assert (found.text, len(service.asked)) == (TEXT, 2)


@pytest.mark.parametrize(
    ("model", "path", "variable", "header", "value", "posted"),
    [
        ("openai:m", "/v1", "OPENAI_API_KEY", "authorization", f"Bearer {KEY}",
         "/v1/chat/completions"),
        ("groq:m", "", "GROQ_API_KEY", "authorization", f"Bearer {KEY}", "/v1/chat/completions"),
        ("anthropic:m", "", "ANTHROPIC_API_KEY", "x-api-key", KEY, "/v1/messages"),
        ("gemini:m", "", "GEMINI_API_KEY", "x-goog-api-key", KEY,
         "/v1beta/models/m:generateContent"),
        ("vertex:m", "/v1/projects/p/locations/l/publishers/google", "VERTEX_ACCESS_TOKEN",
         "authorization", f"Bearer {KEY}",
         "/v1/projects/p/locations/l/publishers/google/models/m:generateContent"),
        ("bedrock:a.b-v1:0", "", "AWS_BEARER_TOKEN_BEDROCK", "authorization", f"Bearer {KEY}",
         "/model/a.b-v1%3A0/converse"),
        ("azure:d", "/openai/deployments/d?api-version=2024-10-21", "AZURE_OPENAI_API_KEY",
         "api-key", KEY, "/openai/deployments/d/chat/completions?api-version=2024-10-21"),
        ("azure:d", "/openai/v1", "AZURE_OPENAI_API_KEY", "api-key", KEY,
         "/openai/v1/chat/completions"),
    ],
)  # fmt: skip
def test_a_key_goes_where_the_service_wants_it(
    monkeypatch: pytest.MonkeyPatch,
    model: str, path: str, variable: str, header: str, value: str, posted: str,
) -> None:  # fmt: skip
    monkeypatch.delenv("STARPROBE_API_KEY", raising=False)
    monkeypatch.setenv(variable, KEY)
    dialect = providers()[model.partition(":")[0]].dialect
    with serving(lambda asked, number: (200, whole(dialect, TEXT))) as service:
        found, _ = ask(service, model, path=path)
    assert found.text == TEXT
    assert service.asked[0].headers[header] == value
    assert service.asked[0].path == posted


def test_a_user_adds_a_provider_with_headers_and_fields_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(lambda asked, number: (200, whole("anthropic", TEXT))) as service:
        own = tmp_path / "providers.toml"
        own.write_text(
            f'[gateway]\nurl = "{service.url}/{{TENANT=none}}/v1"\ndialect = "anthropic"\n'
            'auth = "x-gateway"\nkey = "GATEWAY_KEY"\nheaders = { x-team = "reading" }\n'
        )
        monkeypatch.setenv("STARPROBE_PROVIDERS", str(own))
        monkeypatch.setenv("GATEWAY_KEY", KEY)
        monkeypatch.setenv("TENANT", "ours")
        options = QUICK.model_copy(
            update={
                "headers": headers_of(["anthropic-beta: tools, files"]),
                "body": body_of(['metadata={"user_id": "u"}', "max_tokens=99", "temperature=null"]),
            }
        )
        backend = load_backend("gateway:m", options)
        ((_, found),) = generate(backend, [request("Hello?")])
        backend.close()
    (asked,) = service.asked
    assert found.text == TEXT
    assert asked.path == "/ours/v1/messages"
    named = {name: asked.headers[name] for name in ("x-gateway", "x-team", "anthropic-beta")}
    assert named == {"x-gateway": KEY, "x-team": "reading", "anthropic-beta": "tools, files"}
    assert (asked.body["metadata"], asked.body["max_tokens"]) == ({"user_id": "u"}, 99)
    assert "temperature" not in asked.body
    assert backend.info().details["headers"] == ["anthropic-beta"]


@pytest.mark.parametrize("wrong", ["nothing", "=1", "k=nojson"])
def test_a_field_that_is_no_json_is_one_line(wrong: str) -> None:
    with pytest.raises(InputError, match="write KEY=JSON"):
        body_of([wrong])


def test_a_provider_that_lacks_a_variable_of_its_url_says_which(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AZURE_OPENAI_ENDPOINT", raising=False)
    with pytest.raises(MissingError, match="needs AZURE_OPENAI_ENDPOINT in the environment"):
        load_backend("azure:gpt-4o")


@pytest.mark.parametrize("prefix", sorted(providers()))
def test_every_word_for_a_provider_names_a_model(prefix: str) -> None:
    assert parse_model(f"{prefix}:a/b:c").name == "a/b:c"


@pytest.mark.parametrize(
    ("model", "hint"),
    [
        ("gpt-99", "openai:gpt-99"),
        ("claude-opus-99", "anthropic:claude-opus-99"),
        ("gemini-99-pro", "gemini:gemini-99-pro"),
        ("mixtral-large", "mistral:mixtral-large"),
    ],
)
def test_an_unknown_name_of_a_known_maker_is_led_to_its_provider(model: str, hint: str) -> None:
    with pytest.raises(InputError, match=f"'{hint}'"):
        parse_model(model)


GEMINI_LIST = [
    {
        "error": {
            "code": 400,
            "message": 'Invalid JSON payload received. Unknown name "seed": Cannot find field.',
            "status": "INVALID_ARGUMENT",
        }
    }
]
RESPONSES_ONLY = {
    "error": {
        "message": "This model is only supported in v1/responses and not in v1/chat/completions.",
        "type": "invalid_request_error",
    }
}
UNVERIFIED = {
    "error": {
        "message": "Your organization must be verified to generate reasoning summaries.",
        "param": "reasoning.summary",
        "code": "unsupported_value",
    }
}


def test_a_refusal_in_a_list_teaches_what_to_leave_out() -> None:
    def answer(asked: Asked, number: int) -> Reply:
        return (400, GEMINI_LIST) if "seed" in asked.body else (200, whole("openai", TEXT))

    with serving(answer) as service:
        found, backend = ask(service, "openai:gemini-2.5-flash")
    assert found.text == TEXT
    assert backend.info().details["not_sent"] == ["seed"]
    assert "seed" not in backend.info().details["sent"][0]


def test_a_model_that_only_the_responses_api_has_is_asked_there() -> None:
    def answer(asked: Asked, number: int) -> Reply:
        if asked.path.endswith("/chat/completions"):
            return 404, RESPONSES_ONLY
        if "summary" in asked.body.get("reasoning", {}):
            return 400, UNVERIFIED
        return 200, whole("responses", TEXT, THOUGHT)

    with serving(answer) as service:
        found, _ = ask(service, "openai:o1-pro")
    assert (found.text, found.reasoning) == (TEXT, THOUGHT)
    assert [asked.path for asked in service.asked][-1] == "/v1/responses"


def test_a_filters_reason_is_a_refusal_whatever_stands_behind_it() -> None:
    body = whole("openai", "")
    body["choices"][0]["finish_reason"] = "content_filter: PROHIBITED_CONTENT"
    with serving(lambda asked, number: (200, body)) as service:
        assert ask(service, "openai:m")[0].finish_reason == "refusal"
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}}
    with serving(lambda asked, number: (200, blocked)) as service:
        assert ask(service, "gemini:m")[0].finish_reason == "refusal"


def test_the_record_is_what_was_sent_and_what_was_not_is_said_before() -> None:
    options = QUICK.model_copy(update={"reasoning": "high"})
    with serving(lambda asked, number: (200, whole("anthropic", TEXT, THOUGHT))) as service:
        _, backend = ask(service, "anthropic:claude-3-7-sonnet-20250219", options, temperature=0.7)
    thinking = {"type": "enabled", "budget_tokens": 16384}
    assert backend.info().details["sent"] == [{"max_tokens": 16896, "thinking": thinking}]
    asked = Sampling(temperature=0.7, top_p=0.9, seed=3)
    assert backend.not_sent(asked) == ["temperature 0.7", "seed 3", "top_p 0.9"]


def test_seeds_are_recorded_as_what_they_are_and_every_way_of_asking_once() -> None:
    with serving(lambda asked, number: (200, whole("openai", TEXT))) as service:
        backend = load_backend(f"openai:m@{service.url}", QUICK)
        assert isinstance(backend, HttpBackend)
        made = [request(f"q{n}", seed=n) for n in range(3)] + [request("hot", temperature=1.0)]
        assert len(dict(generate(backend, made))) == 4
        backend.close()
    sent = backend.info().details["sent"]
    assert sorted(one["temperature"] for one in sent) == [0.0, 1.0]
    assert {one["seed"] for one in sent} == {"one a response"}
    assert backend.not_sent(Sampling()) == []


def test_waiting_is_told_once_for_all_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "WORTH_TELLING_S", 0.5)
    slow = {"error": {"message": "slow down"}}, {"retry-after": "1"}

    def answer(asked: Asked, number: int) -> Reply:
        return (429, *slow) if number <= 3 else (200, whole("openai", TEXT))

    with serving(answer) as service:
        backend = load_backend(f"openai:m@{service.url}", BackendOptions(concurrency=3))
        assert isinstance(backend, HttpBackend)
        told: list[str] = []
        backend.on_wait = told.append
        rows = dict(generate(backend, [request(f"q{n}") for n in range(6)]))
        backend.close()
    assert [row.error for row in rows.values() if row.error] == []
    assert told == ["waiting 1 s as the server asks"]


def test_several_models_answer_at_the_same_time_through_one_loop() -> None:
    from starprobe.bench.models import generate_all

    with serving(lambda asked, number: (200, whole("openai", asked.body["model"]))) as service:
        backends = [load_backend(f"openai:m{n}@{service.url}", QUICK) for n in range(3)]
        jobs = [
            (backend, [request("q").model_copy(update={"id": f"{n}/{i}"}) for i in range(4)])
            for n, backend in enumerate(backends)
        ]
        found = [(backend, name, row.text) for backend, name, row in generate_all(jobs)]
        for backend in backends:
            backend.close()
    assert len(found) == 12
    assert all(text == f"m{name[0]}" for _, name, text in found)
    assert all(backend is backends[int(name[0])] for backend, name, _ in found)


def test_googles_credentials_are_made_by_its_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("google.auth")
    rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
    from cryptography.hazmat.primitives import serialization

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    monkeypatch.delenv("VERTEX_ACCESS_TOKEN", raising=False)
    token = {"access_token": "ya29.made", "expires_in": 3600, "token_type": "Bearer"}
    with serving(lambda asked, number: (200, token)) as tokens:
        account = tmp_path / "account.json"
        account.write_text(
            json.dumps(
                {
                    "type": "service_account",
                    "project_id": "p",
                    "private_key_id": "k",
                    "private_key": pem,
                    "client_email": "a@p.iam.gserviceaccount.com",
                    "token_uri": f"{tokens.url}/token",
                }
            )
        )
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
        backend = load_backend("vertex:gemini-2.5-flash")
        assert isinstance(backend, HttpBackend)
        import asyncio

        made = asyncio.run(backend.endpoint.auth.headers("https://x", {}, b""))
        again = asyncio.run(backend.endpoint.auth.headers("https://x", {}, b""))
    assert made == again == {"authorization": "Bearer ya29.made"}
    assert len(tokens.asked) == 1
    assert backend.endpoint.url.startswith(
        "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/"
    )


def test_amazons_signature_is_made_by_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("botocore")
    import asyncio

    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    backend = load_backend("bedrock:a.b-v1:0")
    assert isinstance(backend, HttpBackend)
    url = backend.endpoint.at("/model/a.b-v1%3A0/converse")
    made = asyncio.run(
        backend.endpoint.auth.headers(url, {"content-type": "application/json"}, b"{}")
    )
    signed = {name.lower(): value for name, value in made.items()}["authorization"]
    assert signed.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-west-1/bedrock/aws4_request" in signed
    assert "wJalr" not in str(made)


MODULE = """
from starprobe.bench.records import Generation, ModelInfo


class Parrot:
    def __init__(self, name, url, options):
        self.name = name

    def info(self):
        return ModelInfo(name=f"parrot:{self.name}")

    def generate(self, requests):
        for request in requests:
            yield request.id, Generation(text=f"<think>hm</think>{self.name} {request.prompt.text}")

    def close(self):
        pass


polly = Parrot("polly", None, None)
nothing = 3
"""


def test_a_module_beside_the_user_brings_a_backend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_parrot.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    for model, said in (("my_parrot:Parrot:ada", "ada hello"), ("my_parrot:polly", "polly hello")):
        backend = load_backend(model)
        ((_, row),) = generate(backend, [request("hello")])
        assert (row.text, row.reasoning) == (said, "hm")
    with pytest.raises(InputError, match="no attribute 'Crow'"):
        load_backend("my_parrot:Crow")
    with pytest.raises(InputError, match="is no backend"):
        load_backend("my_parrot:nothing")


def test_another_package_brings_a_backend_by_an_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "their_parrot.py").write_text(MODULE)
    made = tmp_path / "theirs-1.0.dist-info"
    made.mkdir()
    (made / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (made / "entry_points.txt").write_text("[starprobe.backends]\nparrot = their_parrot:Parrot\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert parse_model("parrot:ada") == ("parrot", "ada", None)
    ((_, row),) = generate(load_backend("parrot:ada"), [request("hello")])
    assert row.text == "ada hello"


def test_an_answer_cut_before_it_began_is_told_with_its_cure() -> None:
    body = whole("openai", "", "so much to think")
    body["choices"][0]["finish_reason"] = "length"
    told: list[str] = []
    with serving(lambda asked, number: (200, body)) as service:
        backend = load_backend(f"openai:m@{service.url}", QUICK)
        assert isinstance(backend, HttpBackend)
        backend.on_learning = told.append
        rows = dict(generate(backend, [request(f"q{n}") for n in range(4)]))
        backend.close()
    assert {row.finish_reason for row in rows.values()} == {"length"}
    assert len(told) == 1
    assert "raise --max-tokens" in told[0]


def error(message: str, **more: object) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


MOCKS: list[tuple[str, str, Any, int, str]] = [
    ("a wrong key", "openai:x", lambda a, n: (401, error("Incorrect API key")), 1, "HTTP 401"),
    ("no such model", "ollama:x", lambda a, n: (404, error("model not found")), 1, "HTTP 404"),
    ("no money", "openai:x", lambda a, n: (429, error("quota", code="insufficient_quota")), 1,
     "quota"),
    ("retired", "openai:x", lambda a, n: (410, error("gone")), 1, "retired"),
    ("a filter", "openai:x", lambda a, n: (400, error("blocked", code="content_filter")), 0, ""),
    ("overloaded once", "anthropic:claude-x",
     lambda a, n: (529, error("Overloaded")) if n == 1 else (200, whole("anthropic", TEXT)), 0, ""),
    ("slow down once", "openai:x",
     lambda a, n: (429, error("slow"), {"retry-after": "0"}) if n == 1
     else (200, whole("openai", TEXT)), 0, ""),
    ("a list that refuses the seed", "openai:x",
     lambda a, n: (400, GEMINI_LIST) if "seed" in a.body else (200, whole("openai", TEXT)), 0, ""),
    ("streams only", "openai:x",
     lambda a, n: (200, streamed("openai", TEXT, THOUGHT)) if a.body.get("stream")
     else (400, error("stream must be set to true")), 0, ""),
    ("the Responses API only", "openai:x",
     lambda a, n: (200, whole("responses", TEXT, THOUGHT)) if a.path.endswith("/responses")
     else (404, RESPONSES_ONLY), 0, ""),
    ("a bug in the service", "openai:x", lambda a, n: (400, error("nonsense")), 1, "nonsense"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "answer", "code", "says"), [row[1:] for row in MOCKS], ids=[row[0] for row in MOCKS]
)
def test_a_run_ends_as_its_services_let_it(
    tmp_path: Path, model: str, answer: Any, code: int, says: str
) -> None:
    from typer.testing import CliRunner

    from starprobe.cli import app

    with serving(answer) as service:
        words = ["run", f"{model}@{service.url}", "--limit", "2", "--out", str(tmp_path / "run")]
        done = CliRunner().invoke(app, [*words, "--concurrency", "1"])
    assert done.exit_code == code, done.output
    assert says in done.output
    assert ("There is no response to read" in done.output) is (code == 1)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1", "http://no-such-host.invalid/v1"])
def test_a_run_that_reaches_nobody_fails_and_says_so(tmp_path: Path, url: str) -> None:
    from typer.testing import CliRunner

    from starprobe.cli import app

    words = ["run", f"openai:x@{url}", "--limit", "2", "--out", str(tmp_path / "run")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1
    assert "cannot reach" in done.output
