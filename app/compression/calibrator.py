"""Finds out whether a model can judge claims, and asks it for its log-odds."""

import asyncio
import logging
from contextvars import Context

from app.compression.prompts import check_prompt
from app.compression.usage import Usage, used
from app.engine.client import Prompt
from app.engine.engine import CallOptions, Engine
from app.engine.errors import EngineError
from app.settings import EngineCheck
from app.summary.calibration import EXAMPLES, Calibration, calibrated, log_odds
from app.tasks import end

CANDIDATES = 20  # first tokens whose log probabilities are requested
_CALIBRATION_LIMIT_S = 600.0
_UNCALIBRATED = Calibration(middle=0.0, slope=1.0)  # if the setting asks for a check that calibration rejects

logger = logging.getLogger("condenser")


class Calibrator:
    """Calibrates each model of `engine` as a judge, once."""

    def __init__(self, engine: Engine, engine_check: EngineCheck) -> None:
        self._engine = engine
        self._engine_check = engine_check
        self.calibrations: dict[str, asyncio.Task[Calibration | None]] = {}

    async def log_odds(self, prompt: Prompt, call_options: CallOptions) -> tuple[float | None, Usage]:
        """The log-odds of yes against no; None if the engine fails or returns no log probabilities."""
        try:
            call = await self._engine.complete(
                prompt, num_predict=1, call_options=call_options, top_logprobs=CANDIDATES
            )
        except EngineError:
            return None, Usage()
        first = call.completion.first_token
        return None if first is None else log_odds(first), used(call, prompt)

    def calibration_of(self, model: str) -> Calibration | None:
        """The calibration of `model`; None until it is complete, and if the model is not used as a judge."""
        task = self.calibrations.get(model)
        if task is None or not task.done() or task.cancelled() or self._engine.can_score is False:
            return None
        return task.result()

    def calibrate_once(self, model: str) -> None:
        """Start the calibration of `model` in the background, unless it was started before.

        It starts after the first summary: at startup it would delay the first request.
        """
        if self._engine_check == "off" or self._engine.can_score is False or model in self.calibrations:
            return
        # In its own context: its log lines and spans do not belong to the request that started it.
        self.calibrations[model] = asyncio.create_task(self.calibrate(model), context=Context())

    async def calibrate(self, model: str) -> Calibration | None:
        """Test `model` as a judge of claims. None if it does not separate true from false; never raises EngineError."""
        call_options = CallOptions(model, asyncio.get_running_loop().time() + _CALIBRATION_LIMIT_S, "batch")
        odds: dict[bool, list[float]] = {True: [], False: []}
        for example in EXAMPLES:
            for is_true, claims in ((True, example.true), (False, example.false)):
                for claim in claims:
                    claim_odds, _ = await self.log_odds(check_prompt(example.text, claim), call_options)
                    if claim_odds is None:
                        return None
                    odds[is_true].append(claim_odds)
        calibration = calibrated(odds[True], odds[False])
        if calibration is None and self._engine_check == "on":
            calibration = _UNCALIBRATED
        logger.info(
            "the model judges its own sentences"
            if calibration
            else "the model does not tell true claims from false ones",
            extra={"model": model},
        )
        return calibration

    async def aclose(self) -> None:
        """Cancel the running calibrations."""
        await end(self.calibrations.values())
