"""`POST /batch` with `Prefer: respond-async`."""

from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from app.api.batch_schemas import BatchRequest
from app.api.clients import Client
from app.api.forwarded import prefix_of
from app.api.job_schemas import JobProgress, progress
from app.api.prefer import RESPOND_ASYNC
from app.api.problems import too_large
from app.api.record import record_of
from app.api.service import service_of
from app.jobs.runner import Jobs
from app.telemetry.logs import request_id

ACCEPTED: dict[str, Any] = {
    "model": JobProgress,
    "description": "With `Prefer: respond-async`: the batch is kept, also over a restart, and is answered later",
    "headers": {
        "Location": {"description": "where its progress and results are", "schema": {"type": "string"}},
        "Preference-Applied": {"description": "`respond-async`", "schema": {"type": "string"}},
    },
}


async def accept(request: Request, jobs: Jobs, body: BatchRequest, client: Client) -> JSONResponse:
    """Take a batch on as a job and answer where to look for it. Raises ProblemError or JobsUnavailableError."""
    limit = service_of(request).settings.max_job_items
    if len(body.items) > limit:
        raise too_large(f"items: {len(body.items)} items, over the limit of {limit} (CONDENSER_MAX_JOB_ITEMS)")
    client.admit_items(len(body.items))
    record_of(request).fields.update(items=len(body.items), batch_operation=body.operation, answered_later=True)
    job = await jobs.submit(client.name, body.operation, body.items, request_id.get() or "")
    headers = {"Location": f"{prefix_of(request)}/batch/{job.id}", "Preference-Applied": RESPOND_ASYNC}
    return JSONResponse(progress(job).model_dump(mode="json"), 202, headers)
