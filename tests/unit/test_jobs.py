"""Batches that are answered later: the HTTP face, what is kept, and how items are dealt out."""

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from app.jobs.durable import chunks
from app.jobs.presence import FilePresence
from app.jobs.runner import may_have_work
from app.jobs.store import Store
from app.jobs.tables import connect
from app.jobs.values import Ended, NewJob, Outcome, now
from tests.unit.service import TEXT, answer, ollama, running

pytestmark = pytest.mark.anyio

LATER = {"prefer": "respond-async"}
NDJSON = {"accept": "application/x-ndjson"}
ITEMS = [{"text": f"Item {number}. {TEXT}"} for number in range(5)]


async def answers(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=answer("A ferry leaves."))


async def post(client: httpx.AsyncClient, items: list[Any], **headers: str) -> httpx.Response:
    return await client.post("/batch", json={"operation": "compress", "items": items}, headers=LATER | headers)


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/state/jobs.sqlite"


async def test_respond_async_is_answered_with_202_a_location_and_later_with_every_result(database: str) -> None:
    with ollama(answers):
        async with running(jobs_database=database) as client:
            accepted = await post(client, [*ITEMS, {"txt": "misspelt"}])
            assert (accepted.status_code, accepted.headers["preference-applied"]) == (202, "respond-async")
            path = accepted.headers["location"]
            assert path == f"/batch/{accepted.json()['id']}"
            results = [json.loads(line) for line in (await client.get(path, headers=NDJSON)).text.splitlines()]
            job = (await client.get(path)).json()
    assert sorted(result["index"] for result in results) == [0, 1, 2, 3, 4, 5]
    bad = next(result for result in results if result["index"] == 5)
    assert bad["problem"]["detail"] == "text: Field required; txt: no such field"
    assert (job["state"], job["items"], job["succeeded"], job["failed"]) == ("done", 6, 5, 1)
    assert job["created_at"] <= job["started_at"] <= job["ended_at"]
    assert job["results"] == results
    assert job["next"] is None


async def test_a_text_with_unicode_line_ends_stays_one_line(database: str) -> None:
    text = "one\u2028two\u2029three\x85four"
    async with running(jobs_database=database) as client:
        path = (await post(client, [{"text": text}])).headers["location"]
        (line,) = (await client.get(path, headers=NDJSON)).text.splitlines()
    assert json.loads(line)["result"]["compressed"] == text


async def test_pages_join_to_all_results_in_the_order_of_the_lines(database: str) -> None:
    with ollama(answers):
        async with running(jobs_database=database) as client:
            path = (await post(client, ITEMS)).headers["location"]
            lines = [json.loads(line) for line in (await client.get(path, headers=NDJSON)).text.splitlines()]
            pages, following = [], f"{path}?limit=2"
            while following:
                page = (await client.get(following)).json()
                pages.append(page["results"])
                following = page["next"]
            assert (await client.get(path, params={"limit": 0})).json()["next"] == f"{path}?offset=0"
            rest = (await client.get(f"{path}?offset=3", headers=NDJSON)).text.splitlines()
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [result for page in pages for result in page] == lines
    assert [json.loads(line) for line in rest] == lines[3:]


async def test_items_of_a_job_are_counted_as_the_items_of_any_batch(database: str) -> None:
    with ollama(answers):
        async with running(jobs_database=database) as client:
            await client.get((await post(client, ITEMS)).headers["location"], headers=NDJSON)
            metrics = (await client.get("/metrics")).text
    assert 'condenser_operations_total{operation="compress",outcome="ok"} 5.0' in metrics
    assert 'condenser_operations_total{operation="batch",outcome="ok"} 1.0' in metrics
    assert 'condenser_jobs{state="queued"}' in metrics


@pytest.mark.parametrize(
    ("headers", "settings"), [({}, {}), ({"prefer": "wait=10"}, {}), (LATER, {"jobs_database": "off"})]
)
async def test_without_the_preference_or_where_jobs_are_off_the_answer_is_the_synchronous_one(
    database: str, headers: dict[str, str], settings: dict[str, str]
) -> None:
    with ollama(answers):
        async with running(**{"jobs_database": database, **settings}) as client:
            body = {"operation": "compress", "items": ITEMS}
            response = await client.post("/batch", json=body, headers=headers)
    assert (response.status_code, response.json()["succeeded"]) == (200, 5)
    assert "preference-applied" not in response.headers
    assert not is_made(database)


def is_made(database: str) -> bool:
    """Whether the database's file is there."""
    return Path(database.removeprefix("sqlite:///")).exists()


async def test_a_job_may_have_more_items_than_a_synchronous_batch_up_to_its_own_limit(database: str) -> None:
    with ollama(answers):
        async with running(jobs_database=database, max_batch_items=2, max_job_items=5) as client:
            assert (await post(client, ITEMS)).status_code == 202
            refused = await post(client, [*ITEMS, ITEMS[0]])
    assert refused.status_code == 413
    assert "CONDENSER_MAX_JOB_ITEMS" in refused.json()["detail"]


async def test_each_item_counts_as_a_request_of_its_key(database: str) -> None:
    limits = {"*": {"requests_per_minute": 4}}
    with ollama(answers):
        async with running(jobs_database=database, api_keys="alice=secret", key_limits=json.dumps(limits)) as client:
            refused = await post(client, ITEMS, **{"x-api-key": "secret"})
    assert refused.status_code == 413


async def test_an_unknown_id_and_a_job_that_was_deleted_when_done_are_not_found(database: str) -> None:
    with ollama(answers):
        async with running(jobs_database=database) as client:
            assert (await client.get("/batch/0123456789abcdef0123456789abcdef")).status_code == 404
            assert (await client.delete("/batch/0123456789abcdef0123456789abcdef")).status_code == 404
            path = (await post(client, ITEMS)).headers["location"]
            await client.get(path, headers=NDJSON)
            assert [(await client.delete(path)).status_code for _ in range(2)] == [204, 204]
            assert (await client.get(path)).status_code == 404


async def test_a_client_s_jobs_are_listed_newest_first_and_nobody_else_s(database: str) -> None:
    with ollama(answers):
        async with running(jobs_database=database, api_keys="a=first,b=second") as client:
            own, other = ({"authorization": f"Bearer {key}"} for key in ("first", "second"))
            ids = [(await post(client, [], **own)).json()["id"] for _ in range(3)]
            await post(client, [], **other)
            await client.delete(f"/batch/{ids[1]}", headers=own)
            listed = (await client.get("/batch", headers=own)).json()["batches"]
            newest = (await client.get("/batch?limit=1", headers=own)).json()["batches"]
    assert [job["id"] for job in listed] == [ids[2], ids[0]]
    assert newest == listed[:1]


async def test_where_jobs_are_off_the_list_says_so() -> None:
    async with running(jobs_database="off") as client:
        refused = await client.get("/batch")
    assert refused.status_code == 404
    assert "CONDENSER_JOBS_DATABASE=off" in refused.json()["detail"]


async def test_an_empty_job_is_done_at_once(database: str) -> None:
    with ollama(answers):
        async with running(jobs_database=database) as client:
            assert (await post(client, [])).json()["state"] == "done"


async def test_only_the_owner_of_the_process_can_read_what_is_kept(database: str) -> None:
    with ollama(answers):
        async with running(jobs_database=database) as client:
            await client.get((await post(client, ITEMS)).headers["location"], headers=NDJSON)
            folder = Path(database.removeprefix("sqlite:///")).parent
            modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert (stat.S_IMODE(folder.stat().st_mode), modes) == (0o700, {0o600})


async def test_a_password_in_the_database_s_address_is_in_no_answer_and_no_log(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with ollama(answers):
        async with running(jobs_database="postgresql://condenser:hush-hush@127.0.0.1:1/none") as client:
            refused = await post(client, ITEMS)
    assert refused.status_code == 503
    assert "hush-hush" not in refused.text + "".join(capfd.readouterr())


def test_a_service_without_jobs_loads_neither_dbos_nor_sqlalchemy() -> None:
    code = "import app.main, sys; sys.exit(any(name in sys.modules for name in ('dbos', 'sqlalchemy', 'psycopg')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@given(items=st.integers(0, 20_000), parallelism=st.integers(1, 300))
def test_chunks_hold_each_item_once_and_get_no_longer(items: int, parallelism: int) -> None:
    dealt = list(chunks(items, parallelism))
    assert [index for first, count in dealt for index in range(first, first + count)] == list(range(items))
    counts = [count for _, count in dealt]
    assert counts == sorted(counts, reverse=True)
    assert set(counts[-parallelism:]) <= {1}


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    engine = connect(database)
    yield Store(engine)
    engine.dispose()


def queued(connection: sa.Connection) -> None:
    """Stands where the queue's own rows would be written."""


def job_of(store: Store, items: int) -> str:
    store.add(NewJob("a", "alice", "compress", "r", [{"text": "t"}] * items, 2), queued)
    return "a"


def ended(index: int, text: str) -> Ended:
    return Ended("a", index, Outcome(text, True))


def test_an_item_s_first_result_is_kept_and_a_second_one_dropped(store: Store) -> None:
    job = job_of(store, 3)
    store.record([ended(1, "first")])
    store.record([ended(1, "second"), ended(2, "other")])
    assert store.page(job, 0, 10, 1000) == ["first", "other"]
    assert store.to_do(job, 0, 3) == [0]
    (done,) = store.record([ended(0, "last")])
    assert (done.state, done.succeeded) == ("done", 3)
    assert store.record([ended(0, "again")]) == []


def test_the_body_of_an_item_is_forgotten_with_its_result(store: Store) -> None:
    job = job_of(store, 1)
    assert store.body(job, 0) == '{"text": "t"}'
    store.record([ended(0, "result")])
    assert store.body(job, 0) is None


def test_results_that_come_after_a_cancellation_are_not_kept(store: Store) -> None:
    job = job_of(store, 2)
    assert store.erase(job)
    assert store.record([ended(0, "late")]) == []
    assert store.page(job, 0, 10, 1000) == []
    assert store.cancelled([job]) == {job}
    assert not store.erase(job)


def test_a_page_is_bounded_in_bytes_but_never_empty(store: Store) -> None:
    job = job_of(store, 3)
    store.record([ended(index, "x" * 100) for index in range(3)])
    assert [len(store.page(job, 0, 10, most)) for most in (10, 200, 299, 300)] == [1, 2, 2, 3]


def test_nothing_is_kept_of_a_job_where_it_can_not_be_queued(store: Store) -> None:
    def fails(connection: sa.Connection) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.add(NewJob("a", "", "compress", "r", [{}], 2), fails)
    assert store.get("a") is None


def test_ended_jobs_are_found_by_their_age(store: Store) -> None:
    job = job_of(store, 1)
    assert store.ended_before(now() + 1) == []
    store.record([ended(0, "result")])
    assert [ended_job.id for ended_job in store.ended_before(now() + 1)] == [job]
    assert store.ended_before(now() - 1) == []
    store.forget(job)
    assert store.get(job) is None


def test_an_instance_is_dead_when_its_lock_is_free(tmp_path: Path) -> None:
    first, second = (FilePresence(tmp_path / "jobs.sqlite") for _ in range(2))
    with first.dead() as dead:
        assert dead == []
    second.close()
    with first.dead() as dead:
        assert dead == [second.id]
    with first.dead() as dead:
        assert dead == []
    first.close()


def test_whether_there_is_work_is_known_without_opening_the_queue(database: str, store: Store) -> None:
    day_s = 86_400.0
    assert not may_have_work("sqlite:////nowhere/jobs.sqlite", day_s)
    assert not may_have_work(database, day_s)
    job_of(store, 1)
    assert may_have_work(database, day_s)
    store.record([ended(0, "result")])
    assert not may_have_work(database, day_s)
    assert may_have_work(database, -day_s)
    assert may_have_work("postgresql://elsewhere/condenser", day_s)
