"""Who may call: keys, the metrics' own door, host names, other origins."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from app.api.access import is_trusted
from app.cli import cli
from app.credentials import ApiKey, digest_of, hashed_line, holder_of, new_key, parse_keys
from app.settings import Settings, SettingsError, load_settings
from tests.unit.service import MODEL, TEXT, URL, answer, ollama, running

pytestmark = pytest.mark.anyio

CHAT = httpx.Response(200, json=answer("A ferry leaves at 07:45."))
ALICE, BOB = "alices-own-key", "bobs-own-key"
KEYS = f"{hashed_line('alice', ALICE)},bob={BOB}"


def settings(**chosen: Any) -> Settings:
    return Settings(_env_file=None, ollama_url=URL, model=MODEL, **chosen)  # type: ignore[call-arg]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def compress(client: httpx.AsyncClient, headers: dict[str, str]) -> httpx.Response:
    return await client.post("/compress", json={"text": TEXT}, headers=headers)


# Keys


@pytest.mark.parametrize(
    "headers",
    [bearer(ALICE), bearer(BOB), {"X-API-Key": BOB}, {"authorization": f"bearer  {ALICE} "}],
)
async def test_each_of_several_keys_opens(headers: dict[str, str]) -> None:
    with ollama(CHAT):
        async with running(api_keys=KEYS) as client:
            assert (await compress(client, headers)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer(""),
        bearer("alices-own-ke"),
        bearer(ALICE + "x"),
        bearer("alice"),
        bearer(digest_of(ALICE.encode()).hex()),
        bearer(f"alice:sha256:{digest_of(ALICE.encode()).hex()}"),
        {"Authorization": f"Basic {ALICE}"},
        {"Authorization": ALICE},
        {"X-API-Key": ""},
        {"Cookie": f"key={ALICE}"},
    ],
)
async def test_nothing_but_a_key_itself_opens(headers: dict[str, str]) -> None:
    with ollama(CHAT):
        async with running(api_keys=KEYS) as client:
            response = await compress(client, headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["type"] == "urn:condenser:problem:unauthorized"


@pytest.mark.parametrize("path", ["/metrics", "/status", "/nowhere", "/metrics/", "/static", "/compress/"])
async def test_a_path_is_closed_without_a_key_unless_it_is_listed_as_open(path: str) -> None:
    with ollama(CHAT):
        async with running(api_keys=KEYS) as client:
            assert (await client.get(path)).status_code == 401


@pytest.mark.parametrize(
    "path", ["/static/../metrics", "/swagger/../metrics", "/static/..%2fmetrics", "/docs/../metrics"]
)
async def test_no_way_around_through_an_open_path(path: str) -> None:
    with ollama(CHAT):
        async with running(api_keys=KEYS) as client:
            request = client.build_request("GET", "/")
            request.url = request.url.copy_with(raw_path=path.encode())
            assert (await client.send(request)).status_code in (401, 404)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/docs", "/openapi.json"])
async def test_probes_and_documents_need_no_key(path: str) -> None:
    with ollama(CHAT):
        async with running(api_keys=KEYS) as client:
            assert (await client.get(path)).status_code == 200


async def test_without_a_key_nothing_of_a_body_is_read() -> None:
    reads = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal reads
        reads += 1
        yield b"{"

    with ollama(CHAT):
        async with running(api_keys=KEYS) as client:
            response = await client.post("/compress", content=body(), headers={"content-type": "application/json"})
    assert (response.status_code, reads) == (401, 0)


def test_a_key_is_compared_with_every_entry_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def compare(first: bytes, second: bytes) -> bool:
        compared.append(first)
        return first == second

    monkeypatch.setattr("app.credentials.hmac.compare_digest", compare)
    keys = parse_keys(KEYS)
    assert holder_of(ALICE.encode(), keys) == "alice"
    assert compared == [key.digest for key in keys]


def test_settings_hold_hashes_of_keys_only() -> None:
    chosen = settings(api_keys=KEYS, metrics_token="for-prometheus")
    assert chosen.api_keys == (ApiKey("alice", digest_of(ALICE.encode())), ApiKey("bob", digest_of(BOB.encode())))
    assert chosen.metrics_token == digest_of(b"for-prometheus")
    shown = repr(chosen) + repr(chosen.api_keys) + str(chosen.model_dump())
    assert not any(secret in shown for secret in (ALICE, BOB, "for-prometheus"))
    assert digest_of(BOB.encode()).hex() not in repr(chosen)


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("alice:sha256:abc", "64 hexadecimal digits"),
        (f"a lice:sha256:{'0' * 64}", "64 hexadecimal digits"),
        ("a=key-one,a=key-two", "the same name"),
        ("a=key-one,b=key-one", "the same key"),
        (f"a=key-one,{hashed_line('b', 'key-one')}", "the same key"),
    ],
)
def test_malformed_keys_are_refused_without_telling_them(
    setting: str, why: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONDENSER_API_KEYS", setting)
    with pytest.raises(SettingsError, match=why) as error:
        load_settings()
    assert "CONDENSER_API_KEYS=..." in str(error.value)
    assert "key-one" not in str(error.value)


def test_bare_keys_may_hold_any_character_but_a_comma() -> None:
    base64_key = "ZmVycnkgdG8gVGFsbGlubiBsZWF2ZXMgYXQgMDc6NDU="
    keys = parse_keys(f"{base64_key}, k:2, user:pass=word")
    assert [key.name for key in keys] == ["key-1", "key-2", "key-3"]
    assert keys[0].digest == digest_of(base64_key.encode())


def test_hash_key_makes_a_new_key_that_opens_and_prints_its_line() -> None:
    made = CliRunner().invoke(cli, ["hash-key", "alice"])
    key = made.stderr.strip().rpartition(" ")[2]
    assert len(key) == 43
    assert made.stdout.strip() == hashed_line("alice", key)
    assert holder_of(key.encode(), parse_keys(made.stdout.strip())) == "alice"
    assert new_key() != new_key()


def test_hash_key_takes_a_key_that_there_is_from_standard_input() -> None:
    made = CliRunner().invoke(cli, ["hash-key", "bob", "--stdin"], input=f"{BOB}\n")
    assert made.stdout.strip() == hashed_line("bob", BOB)
    assert BOB not in made.output


@pytest.mark.parametrize("arguments", [["hash-key", "a b"], ["hash-key", "a,b"], ["hash-key", "a", "--stdin"]])
def test_hash_key_refuses_a_bad_name_and_an_empty_key(arguments: list[str]) -> None:
    made = CliRunner().invoke(cli, arguments, input="\n")
    assert (made.exit_code, made.stdout) == (2, "")


# Listening without keys


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "gateway.example.org"])
def test_it_refuses_to_listen_to_other_machines_without_keys_and_says_the_ways_out(host: str) -> None:
    with pytest.raises(ValidationError, match=r"hash-key NAME.*CONDENSER_ALLOW_NO_KEYS=anyone-may-call"):
        settings(host=host)


@pytest.mark.parametrize("word", ["1", "true", "yes", "Anyone-May-Call"])
def test_no_other_word_lets_it_listen_without_keys(word: str) -> None:
    with pytest.raises(ValidationError):
        settings(host="0.0.0.0", allow_no_keys=word)


def test_it_listens_without_keys_where_the_setting_says_so_in_words() -> None:
    assert settings(host="0.0.0.0", allow_no_keys="anyone-may-call").api_keys == ()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.9.1"])
def test_on_loopback_it_listens_without_keys(host: str) -> None:
    assert settings(host=host).api_keys == ()


# Metrics


async def test_a_metrics_token_opens_the_metrics_and_nothing_else_and_keys_open_them_no_more() -> None:
    with ollama(CHAT):
        async with running(api_keys=KEYS, metrics_token="for-prometheus") as client:
            statuses = {
                "no token": (await client.get("/metrics")).status_code,
                "token": (await client.get("/metrics", headers=bearer("for-prometheus"))).status_code,
                "key": (await client.get("/metrics", headers=bearer(ALICE))).status_code,
                "token elsewhere": (await compress(client, bearer("for-prometheus"))).status_code,
            }
    assert statuses == {"no token": 401, "token": 200, "key": 401, "token elsewhere": 401}


async def test_a_metrics_token_can_be_set_as_its_hash_and_without_keys() -> None:
    with ollama(CHAT):
        async with running(metrics_token=f"sha256:{digest_of(b'for-prometheus').hex()}") as client:
            assert (await client.get("/metrics")).status_code == 401
            assert (await client.get("/metrics", headers=bearer("for-prometheus"))).status_code == 200
            assert (await compress(client, {})).status_code == 200


async def test_with_a_port_of_their_own_the_metrics_are_there_only_and_nothing_else_is() -> None:
    with ollama(CHAT):
        async with running(port=8000, metrics_port=9100) as client:
            statuses = {
                (port, path): (await client.get(f"http://localhost:{port}{path}")).status_code
                for port in (8000, 9100)
                for path in ("/metrics", "/readyz", "/healthz")
            }
            posted = await client.post("http://localhost:9100/compress", json={"text": TEXT})
    assert statuses == {
        (8000, "/metrics"): 404,
        (8000, "/readyz"): 200,
        (8000, "/healthz"): 200,
        (9100, "/metrics"): 200,
        (9100, "/readyz"): 404,
        (9100, "/healthz"): 200,
    }
    assert posted.status_code == 404


async def test_a_port_of_their_own_does_not_open_the_metrics_to_who_has_no_key() -> None:
    with ollama(CHAT):
        async with running(port=8000, metrics_port=9100, api_keys=KEYS) as client:
            assert (await client.get("http://localhost:9100/metrics")).status_code == 401
            assert (await client.get("http://localhost:9100/metrics", headers=bearer(BOB))).status_code == 200


# Host names


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("localhost", True),
        ("LOCALHOST:8000", True),
        ("condenser.localhost:8000", True),
        ("127.0.0.1:8000", True),
        ("127.8.9.1", True),
        ("[::1]:8000", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example:8000", False),
        ("localhost.evil.example", False),
        ("evillocalhost", False),
        ("192.0.2.1:8000", False),
        ("2130706433", False),
        ("", False),
        ("localhost@evil.example", False),
        ("evil.example#localhost", False),
    ],
)
def test_on_loopback_only_names_of_this_machine_are_answered(host: str, is_ours: bool) -> None:
    assert is_trusted(host.encode(), settings()) == is_ours


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("api.example.org", True),
        ("API.example.org:443", True),
        ("a.inner.example.org", True),
        ("127.0.0.1:8000", True),
        ("inner.example.org", False),
        ("evilinner.example.org", False),
        ("api.example.org.evil.example", False),
        ("xapi.example.org", False),
    ],
)
def test_trusted_hosts_are_answered_and_no_others(host: str, is_ours: bool) -> None:
    chosen = settings(host="0.0.0.0", api_keys=KEYS, trusted_hosts="api.example.org, *.inner.example.org")
    assert is_trusted(host.encode(), chosen) == is_ours


async def test_a_foreign_name_is_a_problem_on_every_path() -> None:
    with ollama(CHAT):
        async with running() as client:
            for path in ("/healthz", "/metrics", "/docs", "/nowhere"):
                response = await client.get(path, headers={"Host": "rebound.example:8000"})
                assert response.status_code == 421
                assert response.headers["content-type"] == "application/problem+json"
                assert "rebound" not in response.text


@pytest.mark.parametrize("hosts", ["https://api.example.org", "a b", "api.example.org:8000", "a/b"])
def test_what_is_no_host_name_is_refused_as_a_trusted_one(hosts: str) -> None:
    with pytest.raises(ValidationError, match=r"api\.example\.org, without a port"):
        settings(trusted_hosts=hosts)


# Other origins and headers


PREFLIGHT = {"Origin": "https://app.example.org", "Access-Control-Request-Method": "POST"}


async def test_no_other_origin_is_let_in_by_default() -> None:
    with ollama(CHAT):
        async with running() as client:
            preflight = await client.options("/compress", headers=PREFLIGHT)
            answered = await compress(client, {"Origin": "https://app.example.org"})
    assert preflight.status_code == 405
    for response in (preflight, answered):
        assert not [name for name in response.headers if name.startswith("access-control")]


async def test_a_page_of_an_allowed_origin_may_call_and_sees_problems_too() -> None:
    with ollama(CHAT):
        async with running(cors_origins="https://app.example.org", api_keys=KEYS) as client:
            preflight = await client.options("/compress", headers=PREFLIGHT)
            unknown = await client.options("/compress", headers={**PREFLIGHT, "Origin": "https://evil.example"})
            refused = await compress(client, {"Origin": "https://app.example.org"})
            evil = await compress(client, {"Origin": "https://evil.example", **bearer(ALICE)})
    assert (preflight.status_code, unknown.status_code, refused.status_code) == (200, 400, 401)
    assert preflight.headers["access-control-allow-origin"] == "https://app.example.org"
    assert refused.headers["access-control-allow-origin"] == "https://app.example.org"
    assert "access-control-allow-origin" not in evil.headers


@pytest.mark.parametrize("origins", ["app.example.org", "https://app.example.org/page", "javascript:alert(1)"])
def test_what_is_no_origin_is_refused(origins: str) -> None:
    with pytest.raises(ValidationError, match="without a path"):
        settings(cors_origins=origins)


async def test_every_answer_forbids_to_guess_its_type() -> None:
    with ollama(CHAT):
        async with running(api_keys=KEYS) as client:
            answers = [await compress(client, {}), await compress(client, bearer(BOB)), await client.get("/healthz")]
    assert [response.headers["x-content-type-options"] for response in answers] == ["nosniff"] * 3


async def test_the_clients_name_is_in_its_log_lines_and_metrics_and_no_other_name_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "condenser")
    with ollama(CHAT):
        async with running(api_keys=KEYS, metrics_token="t") as client:
            await compress(client, bearer(ALICE))
            await client.post("/compress", json={}, headers=bearer(BOB))
            await compress(client, bearer("mallory"))
            metrics = (await client.get("/metrics", headers=bearer("t"))).text
    logged = [record.__dict__.get("client") for record in caplog.records if record.getMessage() == "request"]
    assert logged == ["alice", "bob", None]
    counted = [line for line in metrics.splitlines() if line.startswith("condenser_client_requests_total")]
    assert counted == [
        'condenser_client_requests_total{client="alice",outcome="ok"} 1.0',
        'condenser_client_requests_total{client="bob",outcome="ok"} 0.0',
        'condenser_client_requests_total{client="bob",outcome="invalid_request"} 1.0',
    ]
    assert "mallory" not in metrics + json.dumps([record.__dict__ for record in caplog.records], default=str)
