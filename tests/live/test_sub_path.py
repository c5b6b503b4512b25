"""A real nginx that serves a Condenser under a path of another site, by the lines of docs/deployment.md."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from benchmarks.processes import condenser, simulated
from tests.faults.process import free_port
from tests.live.test_fleet import SBIN, nginx
from tests.live.test_prometheus import wait_until

PAGE = Path(__file__).parents[2] / "docs" / "deployment.md"
PREFIX = "/condenser"

pytestmark = pytest.mark.skipif(
    shutil.which("nginx", path=SBIN) is None, reason="nginx (Debian: apt-get install nginx) is not here"
)


def documented_location() -> str:
    match = re.search(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert match
    return match[1]


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("site")
    port = free_port()
    database = f"sqlite:///{folder / 'jobs.sqlite'}"
    with simulated(1, 0.01) as upstream, condenser(upstream.url, jobs_database=database) as service:
        location = documented_location().replace("127.0.0.1:8000", service.url.removeprefix("http://"))
        command = nginx(folder, f"server {{ listen 127.0.0.1:{port};\n{location}}}\n")
        with (folder / "log").open("w") as log:
            running = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"PATH": SBIN})
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: running.poll() is not None or answers(f"{url}{PREFIX}/healthz"))
            assert running.poll() is None, (folder / "log").read_text()
            with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
                yield client
        finally:
            running.terminate()
            running.wait(timeout=30)


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/static/page.js", "/healthz", "/readyz", "/metrics"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_each_page_is_served_under_the_path(site: httpx.Client, method: str, path: str) -> None:
    response = site.request(method, f"{PREFIX}{path}")
    assert response.status_code == 200
    assert bool(response.content) == (method == "GET")


def test_what_the_docs_page_loads_is_there(site: httpx.Client) -> None:
    page = site.get(f"{PREFIX}/docs")
    for link in re.findall(r"""(?:href=|src=|url: )["']([^"']+)""", page.text):
        assert site.get(str(page.url.join(link))).status_code == 200, link


def test_the_document_sends_calls_to_the_path(site: httpx.Client) -> None:
    (server,) = site.get(f"{PREFIX}/openapi.json").json()["servers"]
    answer = site.post(f"{server['url']}/compress", json={"text": "A short one."})
    assert answer.json()["compressed"] == "A short one."


def test_the_location_of_a_batch_that_is_answered_later_leads_to_it(site: httpx.Client) -> None:
    body = {"operation": "compress", "items": [{"text": "One."}, {"text": "Two."}]}
    accepted = site.post(f"{PREFIX}/batch", json=body, headers={"Prefer": "respond-async"})
    assert accepted.status_code == 202
    wait_until(lambda: site.get(accepted.headers["location"]).json()["succeeded"] == 2)
