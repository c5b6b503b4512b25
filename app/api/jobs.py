"""`/batch/{id}`: batches that are answered later, and how their items are processed."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse

from app.api.batch import NDJSON, one_line, perform_item
from app.api.batch_schemas import BatchResult
from app.api.body import BoundedRoute
from app.api.clients import NOBODY, client_of
from app.api.forwarded import prefix_of
from app.api.job_schemas import JobList, JobResults, progress
from app.api.problem_answers import problem_answers
from app.api.problems import ProblemDetails, ProblemError, details_of, problem_body
from app.api.routes import cache_scope
from app.api.service import Service, service_of
from app.compression.cache import Caching
from app.engine.engine import Engine
from app.engine.errors import ShuttingDownError
from app.jobs.runner import Jobs
from app.jobs.values import Job, JobsConfig, Outcome, Perform
from app.settings import NO_JOBS, Settings
from app.telemetry.logs import request_id
from app.telemetry.metrics import Metrics

_LINES_AT_ONCE = 500
_PAGE_BYTES = 4 * 2**20
_POLL_S = 0.5
_COMPACT = (",", ":")

_TEMPORARY = frozenset({"unreachable", "busy", "queue_full", "queue_timeout"})
_RETRIED_FOR_S = 3600.0
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0

_KEY_REMOVED = ProblemDetails(
    "unauthorized", 401, "An API key is needed", "the API key that sent this batch is no longer valid", {}
)

router = APIRouter(route_class=BoundedRoute, tags=["compression"])


@router.get("/batch", operation_id="list_batches", responses=problem_answers(401, 404, 421, 422, 503))
async def list_jobs(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=1000, description="most batches in the answer")] = 100,
) -> JobList:
    """The client's batches that were sent with `Prefer: respond-async`, newest first."""
    jobs = service_of(request).jobs
    if jobs is None:
        raise ProblemError(
            "no_batches_kept",
            404,
            "No batches are stored",
            "batches are not answered later: CONDENSER_JOBS_DATABASE=off",
        )
    return JobList(batches=[progress(job) for job in await jobs.newest(client_of(request).name, limit)])


@router.get(
    "/batch/{job_id}",
    operation_id="read_batch",
    response_model=JobResults,
    responses={
        **problem_answers(401, 404, 421, 422, 503),
        200: {
            "description": "Progress and a page of results; as NDJSON all results from `offset`, until the batch ends",
            "content": {NDJSON: {"schema": {"$ref": "#/components/schemas/BatchResult"}}},
        },
    },
)
async def read_job(
    request: Request,
    job_id: str,
    offset: Annotated[int, Query(ge=0, le=10**9, description="results to skip, because the client has them")] = 0,
    limit: Annotated[int, Query(ge=0, le=1000, description="most results on the page; 0: progress only")] = 100,
) -> Response:
    """Progress and results of a batch that was sent with `Prefer: respond-async`.

    Results are in the order in which they arrived, so a client that sends the number it has as `offset` misses none.
    With `Accept: application/x-ndjson` each is a line, the answer continues until the batch has ended, and `limit` is
    ignored.
    """
    service = service_of(request)
    jobs, job = await _own_job(request, job_id)
    if NDJSON in request.headers.get("accept", ""):
        return StreamingResponse(_lines(service, jobs, job_id, offset), media_type=NDJSON)
    results = await jobs.page(job_id, offset, limit, _PAGE_BYTES) if limit else []
    after = offset + len(results)
    is_last = not job.is_unfinished and after >= job.ended_items
    answer = progress(job).model_dump(mode="json")
    path = f"{prefix_of(request)}/batch/{job_id}?offset={after}" + (f"&limit={limit}" if limit else "")
    answer["next"] = None if is_last else path
    # The results are JSON already, so they are not parsed and written again.
    content = f'{json.dumps(answer, separators=_COMPACT)[:-1]},"results":[{",".join(results)}]}}'
    return Response(content, media_type="application/json")


@router.delete(
    "/batch/{job_id}",
    operation_id="delete_batch",
    status_code=204,
    response_class=Response,
    responses=problem_answers(401, 404, 421, 422, 503),
)
async def delete_job(request: Request, job_id: str) -> None:
    """Cancel a batch, or delete one that is done: its texts and results are erased. Calling it again has no effect."""
    jobs, job = await _own_job(request, job_id, include_deleted=True)
    await jobs.erase(job)


async def _own_job(request: Request, job_id: str, *, include_deleted: bool = False) -> tuple[Jobs, Job]:
    """The client's own job. Raises ProblemError 404 if there is none, or it belongs to another client."""
    jobs = service_of(request).jobs
    job = await jobs.get(job_id) if jobs is not None else None
    is_own = job is not None and job.owner == client_of(request).name
    if jobs is None or job is None or not is_own or (job.state == "deleted" and not include_deleted):
        raise ProblemError(
            "no_such_batch",
            404,
            "There is no such batch",
            "no batch has this id; it may have been deleted or have expired",
        )
    return jobs, job


async def _lines(service: Service, jobs: Jobs, job_id: str, offset: int) -> AsyncGenerator[str, None]:
    """Results as lines until the job has ended or the service shuts down."""
    while True:
        results = await jobs.page(job_id, offset, _LINES_AT_ONCE, _PAGE_BYTES)
        if results:
            offset += len(results)
            yield "".join(map(one_line, results))
            continue
        job = await jobs.get(job_id)
        if job is None or not (job.is_unfinished or (job.state == "done" and job.ended_items > offset)):
            return
        if service.drain.has_begun:
            return
        await asyncio.sleep(_POLL_S)


def create_jobs(settings: Settings, engine: Engine, metrics: Metrics, workers: int) -> Jobs | None:
    """The jobs of one of `workers` workers; None if they are off."""
    if settings.jobs_database == NO_JOBS:
        return None
    parallelism = max(1, 2 * engine.queue.most_concurrency // workers)
    config = JobsConfig(settings.jobs_database, parallelism, settings.keep_jobs_s)
    return Jobs(config, metrics.jobs_counted)


def working(service: Service) -> AbstractAsyncContextManager[None]:
    """Accept and run jobs for the block."""
    return nullcontext() if service.jobs is None else service.jobs.working(item_worker(service))


def item_worker(service: Service) -> Perform:
    """The function that runs an item of a job like an item of any batch, but with retries.

    It retries for up to an hour while the engine is down or too busy, and fails if the key has used up its tokens.
    """

    async def perform(job: Job, index: int, body: object) -> Outcome | None:
        request_id.set(job.request_id)
        try:
            return await _perform_with_retries(service, job, index, body)
        except ShuttingDownError:
            return None

    return perform


async def _perform_with_retries(service: Service, job: Job, index: int, body: object) -> Outcome:
    client = service.clients.get(job.owner) if job.owner else NOBODY
    if client is None:
        return _problem(service, job, index, _KEY_REMOVED, 0.0)
    caching = Caching(cache_scope(service, client))
    started = time.perf_counter()
    pause_s = _FIRST_PAUSE_S
    while True:
        tried = time.perf_counter()
        try:
            client.check_tokens()
            done = await perform_item(service, job.operation, body, client, caching)
        except ShuttingDownError:
            raise
        except Exception as error:
            details = details_of(error)
            if details.kind not in _TEMPORARY or tried - started > _RETRIED_FOR_S:
                return _problem(service, job, index, details, time.perf_counter() - tried)
            await _pause(service, pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        else:
            service.metrics.operation_ended(job.operation, "ok", time.perf_counter() - tried, done.cost)
            client.spend_tokens(done.answer.usage.tokens)
            return Outcome(BatchResult(index=index, result=done.answer).model_dump_json(exclude_unset=True), True)


async def _pause(service: Service, seconds: float) -> None:
    """Sleep. Raises ShuttingDownError if the service shuts down."""
    until = time.monotonic() + seconds
    while (left_s := until - time.monotonic()) > 0:
        if service.drain.has_begun:
            raise ShuttingDownError
        await asyncio.sleep(min(left_s, _POLL_S))


def _problem(service: Service, job: Job, index: int, details: ProblemDetails, seconds: float) -> Outcome:
    service.metrics.operation_ended(job.operation, details.kind, seconds)
    result = BatchResult(index=index, problem=problem_body(details))
    # ASCII JSON: a message may quote a lone surrogate, which has no UTF-8.
    return Outcome(json.dumps(result.model_dump(exclude_unset=True), separators=_COMPACT), False)
