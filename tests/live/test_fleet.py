"""Real balancers, with the files of deploy/, in front of several Condensers."""

import contextlib
import http.client
import inspect
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn

from app.engine.health import STATUS_TIMEOUT_S
from app.settings import Settings
from benchmarks.processes import Process, condenser, simulated
from tests.faults.process import free_port
from tests.live.test_prometheus import wait_until
from tests.unit.service import TEXT

DEPLOY = Path(__file__).parents[2] / "deploy"
NGINX = DEPLOY / "nginx" / "condenser.conf"
HAPROXY = DEPLOY / "haproxy" / "haproxy.cfg"
SBIN = f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin"  # where Debian has both, beside a user's PATH
LIMIT_S = 60.0
ANY_ID = "balanced-1.a_B"

QUEUE = 7
ROOM = QUEUE + 1  # and the one in the engine
SETTINGS: dict[str, object] = {
    "max_concurrency": 1,
    "max_queue": QUEUE,
    "queue_timeout_s": LIMIT_S,
    "cache_bytes": 0,
    "engine_check": "off",  # the model would be tried as a judge, in calls of the service's own
    "jobs_database": "off",
}

# With compression of all types, as a site may have it: lines must come one by one in spite of it.
NGINX_MAIN = """
{user}
worker_processes 2;
daemon off;
pid nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    gzip on;
    gzip_types *;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include {folder}/condenser.conf;
}}
"""


def nginx(folder: Path, config: str) -> list[str]:
    """The command that runs nginx in `folder` on this file, within a main file of the test's own."""
    (folder / "condenser.conf").write_text(config)
    # Its workers would else be nobody, who may not enter a folder of pytest's.
    user = "" if os.getuid() else "user root;"
    (folder / "nginx.conf").write_text(NGINX_MAIN.format(folder=folder, user=user))
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def haproxy(folder: Path, config: str) -> list[str]:
    """The command that runs HAProxy on this file."""
    (folder / "haproxy.cfg").write_text(config)
    return ["haproxy", "-db", "-f", str(folder / "haproxy.cfg")]


@dataclass(frozen=True)
class Program:
    """A balancer: its name, its file in deploy/, how it is run and how it checks that file."""

    name: str
    file: Path
    command: Callable[[Path, str], list[str]]
    check: str


PROGRAMS = (Program("nginx", NGINX, nginx, "-t"), Program("haproxy", HAPROXY, haproxy, "-c"))


@dataclass(frozen=True)
class Fleet:
    """A balancer that listens at `url`, and the Condensers behind it."""

    url: str
    condensers: Sequence[Process]

    def client(self) -> httpx.Client:
        """A client of the balancer that opens a connection for each request, as many clients do."""
        limits = httpx.Limits(max_keepalive_connections=0, max_connections=None)
        return httpx.Client(base_url=self.url, timeout=LIMIT_S, trust_env=False, limits=limits)

    def compress(self, name: str) -> httpx.Response:
        """`POST /compress` of a text that no other name has."""
        with self.client() as client:
            return client.post("/compress", json={"text": text(name)})


def text(name: str) -> str:
    """A text that takes one call of the engine."""
    return TEXT.replace("Tallinn", name)


def metric(service: Process, name: str) -> float:
    """The value of a metric that a Condenser tells by itself; 0 where it has none of these labels."""
    exposition = httpx.get(f"{service.url}/metrics", trust_env=False).text
    return sum(float(line.rsplit(" ", 1)[1]) for line in exposition.splitlines() if line.rsplit(" ", 1)[0] == name)


def compressed(service: Process) -> float:
    """How many texts a Condenser has compressed for callers."""
    return metric(service, 'condenser_operations_total{operation="compress",outcome="ok"}')


def under_way(service: Process) -> float:
    """How many calls a Condenser has in the engine or waiting for it."""
    return metric(service, "condenser_in_flight") + metric(service, "condenser_queue_depth")


def control(upstream: Process, **state: object) -> dict[str, object]:
    """Set a simulated Ollama to this, and have what it tells of itself."""
    answer = httpx.post(f"{upstream.url}/control", json=state, trust_env=False)
    return dict(answer.raise_for_status().json())


@contextmanager
def holding(*upstreams: Process) -> Iterator[None]:
    """Simulated Ollamas that end no call during the block."""
    for upstream in upstreams:
        control(upstream, held=True)
    try:
        yield
    finally:
        for upstream in upstreams:
            control(upstream, held=False)


def warmed_up(service: Process) -> None:
    """Return when the calls that a Condenser makes at its own start are over."""
    wait_until(lambda: metric(service, 'condenser_queue_passes_total{outcome="passed"}') == 1)
    wait_until(lambda: metric(service, "condenser_in_flight") == 0)


@contextmanager
def balanced(program: Program, folder: Path, condensers: Sequence[Process]) -> Iterator[Fleet]:
    """The program on its file of deploy/, with free ports in place of those in there, in front of two Condensers."""
    front = f"127.0.0.1:{free_port()}"
    replaced = {
        "127.0.0.1:8000": condensers[0].url.removeprefix("http://"),
        "127.0.0.1:8001": condensers[1].url.removeprefix("http://"),
        "127.0.0.1:8080": front,
        "127.0.0.1:8405": f"127.0.0.1:{free_port()}",
    }
    if os.getuid():  # only root may become another user
        replaced |= {"    chroot /var/lib/haproxy\n    user haproxy\n    group haproxy\n": ""}
    config = re.sub("|".join(map(re.escape, replaced)), lambda match: replaced[match.group()], program.file.read_text())
    with (folder / "log").open("w") as log:
        running = subprocess.Popen(
            program.command(folder, config), stdout=log, stderr=log, env=os.environ | {"PATH": SBIN}
        )
    try:
        fleet = Fleet(f"http://{front}", condensers)
        wait_until(lambda: running.poll() is not None or answers(fleet))
        assert running.poll() is None, (folder / "log").read_text()
        yield fleet
    finally:
        running.terminate()
        running.wait(timeout=30)


def answers(fleet: Fleet) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{fleet.url}/healthz", trust_env=False).status_code == 200
    return False


@pytest.fixture(scope="module", params=PROGRAMS, ids=lambda program: str(program.name))
def program(request: pytest.FixtureRequest) -> Program:
    """Each balancer that is here."""
    chosen: Program = request.param
    if shutil.which(chosen.name, path=SBIN) is None:
        pytest.skip(f"{chosen.name} (Debian: apt-get install {chosen.name}) is not here")
    return chosen


@pytest.fixture(scope="module")
def upstream() -> Iterator[Process]:
    """A simulated Ollama that answers at once."""
    with simulated(slots=16, service_s=0.0, core=None) as running:
        yield running


@pytest.fixture(scope="module")
def pair(upstream: Process) -> Iterator[tuple[Process, Process]]:
    """Two Condensers in front of it, which no test ends."""
    with (
        condenser(upstream.url, core=None, **SETTINGS) as first,
        condenser(upstream.url, core=None, **SETTINGS) as other,
    ):
        warmed_up(first)
        warmed_up(other)
        yield first, other


@pytest.fixture(scope="module")
def fleet(program: Program, pair: tuple[Process, Process], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A balancer in front of both."""
    with balanced(program, tmp_path_factory.mktemp(program.name), pair) as running:
        yield running


@pytest.fixture(scope="module")
def own_upstream() -> Iterator[Process]:
    """A simulated Ollama for the Condensers that are ended."""
    with simulated(slots=16, service_s=0.0, core=None) as running:
        yield running


@pytest.fixture
def victim(own_upstream: Process) -> Iterator[Process]:
    """A Condenser that a test may end, in front of another Ollama than those that live on."""
    with condenser(own_upstream.url, core=None, **SETTINGS) as running:
        warmed_up(running)
        yield running


@pytest.fixture
def with_victim(program: Program, pair: tuple[Process, Process], victim: Process, tmp_path: Path) -> Iterator[Fleet]:
    """A balancer in front of one that lives on, and of the victim."""
    with balanced(program, tmp_path, (pair[0], victim)) as running:
        yield running


def test_the_program_finds_nothing_wrong_with_its_file(program: Program, tmp_path: Path) -> None:
    command = [*program.command(tmp_path, program.file.read_text()), program.check]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, env=os.environ | {"PATH": SBIN})
    output = done.stdout + done.stderr
    assert (done.returncode, re.findall(r"(?i)\[?(?:warn|alert|emerg).*", output)) == (0, []), output


def test_requests_go_to_all_condensers(fleet: Fleet) -> None:
    before = [compressed(condenser) for condenser in fleet.condensers]
    assert [fleet.compress(f"Hanko{number}").status_code for number in range(8)] == [200] * 8
    done = [compressed(condenser) - before for condenser, before in zip(fleet.condensers, before, strict=True)]
    assert sum(done) == 8
    assert all(done)


def test_a_request_goes_where_fewer_are_under_way(fleet: Fleet, upstream: Process) -> None:
    with ThreadPoolExecutor(2) as pool:
        with holding(upstream):
            requests = [pool.submit(fleet.compress, "Vaasa")]
            wait_until(lambda: sum(map(under_way, fleet.condensers)) == 1)
            # By turns, the second one would come to where the first one is.
            assert httpx.get(f"{fleet.url}/healthz", trust_env=False).status_code == 200
            requests.append(pool.submit(fleet.compress, "Kotka"))
            wait_until(lambda: sum(map(under_way, fleet.condensers)) == 2)
            assert [under_way(condenser) for condenser in fleet.condensers] == [1, 1]
        assert [request.result().status_code for request in requests] == [200, 200]


def test_each_line_of_a_batch_arrives_when_it_is_ready(fleet: Fleet, upstream: Process) -> None:
    # The longest one, which a Condenser begins with, needs no engine.
    items = [{"text": text("Uusikaupunki"), "method": "extractive"}, {"text": text("Turku")}, {"text": text("Oulu")}]
    body = {"operation": "compress", "items": items}
    with (
        holding(upstream),
        fleet.client() as client,
        client.stream("POST", "/batch", json=body, headers={"Accept": "application/x-ndjson"}) as answer,
    ):
        lines = answer.iter_lines()
        assert json.loads(next(lines))["index"] == 0
        wait_until(lambda: control(upstream)["in_service"] == 1)
        # The first line may come along with the headers, the second one comes alone: the call after it never ends.
        control(upstream, held=False, fault="hang", fault_share=1)
        try:
            assert json.loads(next(lines))["index"] in (1, 2)
        finally:
            control(upstream, fault="")
    wait_until(lambda: sum(map(under_way, fleet.condensers)) == 0)


def test_an_event_of_a_stream_arrives_while_the_engine_works_and_who_leaves_then_ends_the_work(
    fleet: Fleet, upstream: Process
) -> None:
    with (
        holding(upstream),
        fleet.client() as client,
        client.stream(
            "POST", "/compress", json={"text": text("Pori")}, headers={"Accept": "text/event-stream"}
        ) as answer,
    ):
        lines = answer.iter_lines()
        assert next(lines) == "event: passage"
        wait_until(lambda: control(upstream)["in_service"] == 1)
        answer.close()
        wait_until(lambda: sum(map(under_way, fleet.condensers)) == 0)


@pytest.mark.parametrize("path", ["/metrics", "/%6detrics", "//metrics", "/./metrics", "/metrics/", "/metrics?x=1"])
def test_metrics_are_not_reached_through_it(fleet: Fleet, path: str) -> None:
    connection = http.client.HTTPConnection(fleet.url.removeprefix("http://"), timeout=LIMIT_S)
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status in ((307, 404) if path.endswith("/") else (404,))
        assert b"condenser_operations_total" not in answer.read()


def test_the_request_id_of_the_client_comes_back(fleet: Fleet) -> None:
    answer = httpx.get(f"{fleet.url}/healthz", headers={"X-Request-ID": ANY_ID}, trust_env=False)
    assert answer.headers.get_list("x-request-id") == [ANY_ID]


def test_a_name_that_the_condensers_do_not_go_by_is_refused_by_them(fleet: Fleet) -> None:
    answer = httpx.get(f"{fleet.url}/healthz", headers={"Host": "rebound.example.org"}, trust_env=False)
    assert (answer.status_code, answer.json()["type"]) == (421, "urn:condenser:problem:wrong_host")


def test_a_body_over_the_limit_gets_a_problem(fleet: Fleet) -> None:
    connection = http.client.HTTPConnection(fleet.url.removeprefix("http://"), timeout=LIMIT_S)
    with contextlib.closing(connection):
        connection.putrequest("POST", "/compress")
        connection.putheader("X-Request-ID", ANY_ID)
        connection.putheader("Content-Length", str(default("max_body_bytes") + 1))
        connection.endheaders()
        answer = connection.getresponse()
        problem = json.loads(answer.read())
    assert (answer.status, problem["type"]) == (413, "urn:condenser:problem:too_large")
    assert problem["request_id"] == ANY_ID


def test_the_largest_body_that_a_condenser_takes_gets_through(fleet: Fleet) -> None:
    body = json.dumps({"text": text("Raahe")}).encode().ljust(default("max_body_bytes"))
    with fleet.client() as client:
        answer = client.post("/compress", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200


def test_a_client_that_leaves_frees_its_place(fleet: Fleet, upstream: Process) -> None:
    connection = http.client.HTTPConnection(fleet.url.removeprefix("http://"), timeout=LIMIT_S)
    with holding(upstream):
        with contextlib.closing(connection):
            body = json.dumps({"text": text("Pori")})
            connection.request("POST", "/compress", body, {"Content-Type": "application/json"})
            wait_until(lambda: sum(map(under_way, fleet.condensers)) == 1)
        wait_until(lambda: sum(map(under_way, fleet.condensers)) == 0)


def test_full_queues_are_reported_by_the_condensers_and_by_nobody_else(fleet: Fleet, upstream: Process) -> None:
    count = ROOM * len(fleet.condensers)
    with ThreadPoolExecutor(count) as pool:
        with holding(upstream):
            requests = [pool.submit(fleet.compress, f"Rauma{number}") for number in range(count)]
            wait_until(lambda: sum(map(under_way, fleet.condensers)) == count)
            refused = [fleet.compress(f"Kemi{number}") for number in range(4)]
        assert {(response.status_code, response.json()["type"]) for response in refused} == {
            (503, "urn:condenser:problem:queue_full")
        }
        assert all(int(response.headers["retry-after"]) >= 1 for response in refused)
        assert {request.result().status_code for request in requests} == {200}
    assert fleet.compress("Lahti").status_code == 200


def test_with_one_killed_every_request_is_answered(with_victim: Fleet, victim: Process) -> None:
    assert {with_victim.compress(f"Espoo{number}").status_code for number in range(4)} == {200}
    assert compressed(victim) > 0
    os.kill(victim.pid, signal.SIGKILL)
    assert [with_victim.compress(f"Porvoo{number}").status_code for number in range(20)] == [200] * 20


def test_a_condenser_that_is_ending_fails_no_request(
    with_victim: Fleet, victim: Process, upstream: Process, own_upstream: Process
) -> None:
    survivor = with_victim.condensers[0]
    with ThreadPoolExecutor(ROOM) as pool:
        with holding(upstream, own_upstream):
            requests = []
            for number in range(2):
                requests.append(pool.submit(with_victim.compress, f"Loviisa{number}"))
                wait_until(lambda: under_way(survivor) + under_way(victim) == len(requests))
            assert (under_way(survivor), under_way(victim)) == (1, 1)
            os.kill(victim.pid, signal.SIGTERM)
            wait_until(lambda: httpx.get(f"{victim.url}/readyz", trust_env=False).status_code == 503)
            # More than the one that it has: it is where the fewest are under way, until the balancer knows better.
            requests += [pool.submit(with_victim.compress, f"Inkoo{number}") for number in range(ROOM - 2)]
            wait_until(lambda: under_way(survivor) == ROOM - 1 or any(request.done() for request in requests))
        assert [request.result().status_code for request in requests] == [200] * ROOM


def test_what_the_engine_of_one_fails_at_is_done_by_another(
    with_victim: Fleet, victim: Process, own_upstream: Process
) -> None:
    control(own_upstream, fault="500", fault_share=1)
    try:
        assert [with_victim.compress(f"Kajaani{number}").status_code for number in range(4)] == [200] * 4
    finally:
        control(own_upstream, fault="")
    assert metric(victim, 'condenser_operations_total{operation="compress",outcome="failed"}') > 0


def test_of_what_broke_a_compression_is_made_again_elsewhere_and_a_batch_is_not(
    with_victim: Fleet, victim: Process, upstream: Process, own_upstream: Process
) -> None:
    survivor = with_victim.condensers[0]
    batches = 'condenser_operations_total{operation="batch",outcome="ok"}'
    before = metric(survivor, batches)

    def batch(name: str) -> httpx.Response:
        with with_victim.client() as client:
            return client.post("/batch", json={"operation": "compress", "items": [{"text": text(name)}]})

    with ThreadPoolExecutor(4) as pool:
        with holding(upstream, own_upstream):
            requests = []
            for send, name in (
                (with_victim.compress, "Hamina"),
                (with_victim.compress, "Salo"),
                (batch, "Imatra"),
                (batch, "Forssa"),
            ):
                requests.append(pool.submit(send, name))
                wait_until(lambda: under_way(survivor) + under_way(victim) == len(requests))
            assert (under_way(survivor), under_way(victim)) == (2, 2)
            os.kill(victim.pid, signal.SIGKILL)
            wait_until(lambda: under_way(survivor) == 3)
        compressions, sent = requests[:2], requests[2:]
        assert [request.result().status_code for request in compressions] == [200, 200]
        assert sorted(request.result().status_code for request in sent) == [200, 502]
        (broken,) = (request.result() for request in sent if request.result().status_code == 502)
    assert broken.json()["type"] == "urn:condenser:problem:balancer"
    assert metric(survivor, batches) - before == 1


def directive(file: Path, pattern: str) -> list[int]:
    """The figures that a file has for a directive."""
    return [int(value) for value in re.findall(rf"^\s*{pattern}", file.read_text(), re.MULTILINE)]


def default(name: str) -> int:
    """The default of a setting that is a whole number."""
    return int(Settings.model_fields[name].default)


def test_a_balancer_refuses_the_bodies_that_a_condenser_refuses() -> None:
    bodies = directive(NGINX, r"client_max_body_size (\d+);"), directive(HAPROXY, r".* req\.body_size gt (\d+) ")
    assert bodies == ([default("max_body_bytes")],) * 2


def test_a_balancer_waits_for_longer_than_a_condenser_works() -> None:
    waits = directive(NGINX, r"proxy_read_timeout (\d+)s;") + directive(HAPROXY, r"timeout server (\d+)s$")
    assert len(waits) == 2
    assert min(waits) > default("request_timeout_s")
    assert directive(HAPROXY, r"timeout http-request (\d+)s$")[0] > default("body_timeout_s")


def test_nginx_lets_go_of_idle_connections_before_a_condenser_does() -> None:
    kept_s = inspect.signature(uvicorn.Config).parameters["timeout_keep_alive"].default
    assert directive(NGINX, r"keepalive_timeout (\d+)s;")[0] < kept_s


def test_haproxy_lets_a_condenser_queue_all_that_it_can() -> None:
    most = default("max_queue") + default("max_concurrency")
    assert all(connections > most for connections in directive(HAPROXY, r"default-server.* maxconn (\d+)$"))


def test_haproxy_checks_for_longer_than_readyz_takes() -> None:
    assert directive(HAPROXY, r"timeout check (\d+)s$")[0] > STATUS_TIMEOUT_S
