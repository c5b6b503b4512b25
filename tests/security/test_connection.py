"""Hostile connections, byte by byte, to a real `condenser serve`: TLS, slow and endless requests, smuggled ones."""

import json
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme

from app.capsule.format import seal
from app.credentials import hashed_line
from app.transport import MAX_HEADER_BYTES, MAX_HEADERS
from tests.security.serving import Served, free_port, read_answer, refused, serving

MAX_BODY = 100_000
GROWTH = 32 * 1024 * 1024
POST = b"POST /compress HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    limits = {"header_timeout_s": 0.5, "body_timeout_s": 0.5, "max_body_bytes": MAX_BODY}
    with serving(tmp_path_factory.mktemp("served"), **limits) as running:
        yield running


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service whose bounds of size come first."""
    with serving(tmp_path_factory.mktemp("patient"), header_timeout_s=600, body_timeout_s=600) as running:
        yield running


def exchange(served: Served, *sent: bytes) -> bytes:
    """What comes back for `sent`, until the service closes the connection."""
    with served.connect() as connection:
        for part in sent:
            connection.sendall(part)
        return read_answer(connection)


def status(answer: bytes) -> int:
    match = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    assert match, answer
    return int(match[1])


def send_until_closed(connection: socket.socket, part: bytes, most: int) -> int:
    """How many bytes of `part`, again and again, the service takes before it closes; `most` at most."""
    sent = 0
    try:
        while sent < most:
            connection.sendall(part)
            sent += len(part)
    except (BrokenPipeError, ConnectionResetError):
        pass
    return sent


# Slow


def test_a_connection_that_says_nothing_is_closed(served: Served) -> None:
    assert exchange(served) == b""


@pytest.mark.parametrize("beginning", [b"G", b"GET / HT", GET, GET + b"X-Slow: a", b"\r\n", POST + b"Content-Le"])
def test_headers_that_do_not_come_to_an_end_in_time_close_the_connection(served: Served, beginning: bytes) -> None:
    assert exchange(served, beginning) == b""


@pytest.mark.parametrize("drop", [b"X-Slow: a\r\n", b"\r\n"])
def test_headers_that_drip_close_the_connection_all_the_same(served: Served, drop: bytes) -> None:
    with served.connect() as connection:
        connection.settimeout(0.02)
        connection.sendall(GET if drop != b"\r\n" else b"")
        dripped = 0
        try:
            while dripped < 500:
                connection.sendall(drop if dripped < 20 else b"")
                dripped += 1
                try:
                    assert connection.recv(100) == b""
                    break
                except TimeoutError:
                    continue
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert dripped < 500


def test_the_next_request_on_a_connection_has_a_deadline_for_its_headers_too(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(GET + b"\r\n")
        assert status(connection.recv(65_536)) == 200
        connection.sendall(GET + b"X-Slow:")
        assert b"HTTP/1.1" not in read_answer(connection)


@pytest.mark.parametrize("framing", [b"Content-Length: 50\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n5\r\n"])
def test_a_body_that_does_not_come_to_an_end_in_time_is_a_408_and_the_end(served: Served, framing: bytes) -> None:
    answer = exchange(served, POST + framing + b'{"a"')
    assert status(answer) == 408
    assert b"CONDENSER_BODY_TIMEOUT_S" in answer


def test_a_body_that_nobody_wants_does_not_keep_the_connection_open(served: Served) -> None:
    answer = exchange(served, b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{")
    assert status(answer) == 405


# Endless


@pytest.mark.parametrize(
    "endless",
    [b"GET /" + b"a" * 1000, GET + b"X-Long: " + b"a" * 1000, b"GET / HTTP/1.1\r\n" + b"X-Many: a\r\n" * 100],
    ids=["path", "header", "headers"],
)
def test_headers_without_end_are_cut_off_and_cost_no_memory(patient: Served, endless: bytes) -> None:
    before = patient.resident_bytes()
    with patient.connect() as connection:
        connection.sendall(endless)
        more = b"X-Many: a\r\n" * 6000 if endless.endswith(b"\r\n") else b"a" * MAX_HEADER_BYTES
        sent = send_until_closed(connection, more, 200 * 1024 * 1024)
    assert sent < 50 * 1024 * 1024  # what the kernel's buffers hold
    assert patient.resident_bytes() - before < GROWTH


@pytest.mark.parametrize(
    "headers",
    [b"X-Long: " + b"a" * MAX_HEADER_BYTES + b"\r\n", b"X-Many: a\r\n" * MAX_HEADERS],
    ids=["long", "many"],
)
def test_too_large_headers_are_a_431(served: Served, headers: bytes) -> None:
    answer = exchange(served, GET + headers + b"\r\n")
    assert status(answer) == 431
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["status"] == 431


def test_a_chunked_body_without_end_is_a_413_at_the_limit_and_costs_no_memory(served: Served) -> None:
    before = served.resident_bytes()
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    with served.connect() as connection:
        connection.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 2)
        assert status(connection.recv(65_536)) == 413
        send_until_closed(connection, chunk, 20 * 1024 * 1024)
    assert served.resident_bytes() - before < GROWTH


def test_chunks_of_a_byte_with_long_extensions_are_bounded_too(served: Served) -> None:
    before = served.resident_bytes()
    with served.connect() as connection:
        connection.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        send_until_closed(connection, b"1;" + b"x" * 16_000 + b"\r\n \r\n", 50 * 1024 * 1024)
        answer = read_answer(connection)
    assert answer == b"" or status(answer) in (400, 408, 413)
    assert served.resident_bytes() - before < GROWTH


def test_trailers_are_not_taken_for_headers(served: Served) -> None:
    sealed = seal("abc", "abc", fidelity="exact", tokens=1, model="a-model", prompt_version="1")
    body = b'{"capsule": %b}' % sealed.model_dump_json().encode()
    chunked = b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n" % (len(body), body)
    trailers = b"Content-Type: text/plain\r\nX-Request-ID: other\r\n\r\n"
    answer = exchange(served, POST.replace(b"/compress", b"/reconstruct") + chunked + trailers)
    assert status(answer) == 200
    assert b"content-type: application/json\r\n" in answer
    assert b'"text":"abc"' in answer


def test_trailers_without_end_cost_no_memory(patient: Served) -> None:
    before = patient.resident_bytes()
    with patient.connect() as connection:
        connection.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n")
        send_until_closed(connection, b"X-Trailer: a\r\n" * 5000, 50 * 1024 * 1024)
        assert patient.resident_bytes() - before < GROWTH


def test_a_body_of_a_hundred_megabytes_by_its_own_word_is_refused_unread(served: Served) -> None:
    answer = exchange(served, POST + b"Content-Length: 104857600\r\n\r\n")
    assert status(answer) == 413


# Malformed and smuggled


@pytest.mark.parametrize(
    "request_bytes",
    [
        POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        POST + b"Content-Length: -1\r\n\r\n",
        POST + b"Content-Length: 1e3\r\n\r\n",
        POST + b"Content-Length: 99999999999999999999999\r\n\r\n",
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n1\n{\n0\n\n",
        GET + b"X-Request-ID: a\rSet-Cookie: b\r\n\r\n",
        GET + b"X-Request-ID: a\nSet-Cookie: b\r\n\r\n",
        GET + b"X-Request-ID: a\x00b\r\n\r\n",
        GET + b"X-Folded: a\r\n b\r\n\r\n",
        GET + b"No colon\r\n\r\n",
        GET + b": no name\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"G\x00T / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00" * 100,
    ],
)
def test_what_is_no_sound_request_is_never_answered_as_one(served: Served, request_bytes: bytes) -> None:
    answer = exchange(served, request_bytes)
    # One answer at most, and never a cookie or another header of the caller's.
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert b"set-cookie" not in answer.lower()
    assert not answer or status(answer) in (400, 408, 413, 422, 431), answer


def test_a_request_hidden_in_the_body_of_another_is_not_served(served: Served) -> None:
    hidden = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
    sent = POST + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(hidden) + hidden
    answer = exchange(served, sent)
    assert (status(answer), answer.count(b"HTTP/1.1 ")) == (422, 1)


@pytest.mark.parametrize("host", [b"", b"Host: rebound.example\r\n", b"Host: localhost\r\nHost: rebound.example\r\n"])
def test_without_a_name_of_this_machine_there_is_no_answer_but_421(served: Served, host: bytes) -> None:
    answer = exchange(served, b"GET /metrics HTTP/1.1\r\n" + host + b"Connection: close\r\n\r\n")
    assert status(answer) in (400, 421)


def test_an_upgrade_is_not_taken_up(served: Served) -> None:
    for protocol in (b"websocket", b"h2c"):
        upgrade = (
            b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        )
        with served.connect() as connection:
            connection.sendall(GET + upgrade + b"\r\n")
            assert status(connection.recv(65_536)) in (200, 400)


def test_after_all_of_that_the_service_still_answers(served: Served) -> None:
    assert httpx.get(f"{served.url}/healthz").status_code == 200
    assert served.process.poll() is None


# As it starts


def test_it_serves_tls_by_certificate_files_and_no_plain_text(tmp_path: Path) -> None:
    authority = trustme.CA()
    made = authority.issue_cert("localhost", "127.0.0.1")
    (tmp_path / "cert.pem").write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    made.private_key_pem.write_to_path(tmp_path / "key.pem")
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with serving(tmp_path, tls_cert=tmp_path / "cert.pem", tls_key=tmp_path / "key.pem") as served:
        assert served.scheme == "https"
        assert httpx.get(f"{served.url}/healthz", verify=trusting).json()["status"] == "ok"
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"{served.url}/healthz")
        assert b"ok" not in exchange(served, GET + b"Connection: close\r\n\r\n")


def test_it_does_not_start_with_a_certificate_that_can_not_be_used(tmp_path: Path) -> None:
    authority = trustme.CA()
    for name in ("one", "two"):
        made = authority.issue_cert(name)
        made.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
        made.private_key_pem.write_to_path(tmp_path / f"{name}.key")
    output = refused(tmp_path, tls_cert=tmp_path / "one.pem", tls_key=tmp_path / "two.key")
    assert "CONDENSER_TLS_CERT" in output
    assert "Traceback" not in output
    assert "set together" in refused(tmp_path, tls_cert=tmp_path / "one.pem")
    assert "there is no file" in refused(tmp_path, tls_cert=tmp_path / "none.pem", tls_key=tmp_path / "one.key")


def test_it_does_not_start_for_other_machines_without_keys(tmp_path: Path) -> None:
    output = refused(tmp_path, host="0.0.0.0")
    assert "CONDENSER_ALLOW_NO_KEYS=anyone-may-call" in output
    assert len(output.splitlines()) == 1


def test_the_metrics_port_is_a_port_of_its_own(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, metrics_port=port, metrics_token="for-prometheus") as served:
        authorized = {"Authorization": "Bearer for-prometheus"}
        assert httpx.get(f"http://127.0.0.1:{port}/metrics").status_code == 401
        assert "condenser_" in httpx.get(f"http://127.0.0.1:{port}/metrics", headers=authorized).text
        assert httpx.get(f"{served.url}/metrics", headers=authorized).status_code == 404
        assert httpx.post(f"http://127.0.0.1:{port}/compress", json={"text": "a"}).status_code == 404


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_plain_keys_are_neither_in_its_memory_of_settings_nor_in_its_childrens_environment(tmp_path: Path) -> None:
    script = (
        "import os, subprocess, sys; from app import cli, serve; "
        "serve._listen = lambda *a: sys.exit(subprocess.run(['env']).returncode); cli.main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, "serve"],
        cwd=tmp_path,
        env={
            "PATH": "/usr/bin:/bin",
            "CONDENSER_API_KEYS": "alice=a-plain-key",
            "CONDENSER_METRICS_TOKEN": "a-plain-one",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "PATH=" in ended.stdout
    assert "a-plain" not in ended.stdout + ended.stderr


def test_a_key_kept_as_a_hash_opens_a_real_service(tmp_path: Path) -> None:
    with serving(tmp_path, api_keys=hashed_line("alice", "alices-own-key")) as served:
        assert httpx.get(f"{served.url}/metrics").status_code == 401
        assert httpx.get(f"{served.url}/metrics", headers={"X-API-Key": "alices-own-key"}).status_code == 200
