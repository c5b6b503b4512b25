"""Answers of a server with the OpenAI API, including a completion, since its list of models may not need the key."""

import asyncio

from app.compression.prompts import summarize_prompt
from app.engine.errors import EngineError
from app.engine.openai import OpenAIClient
from app.ops.doctor.observations import OpenAIServer
from app.settings import Settings
from app.text.language import Language


async def look_at_openai(settings: Settings, with_call: bool, timeout_s: float) -> OpenAIServer:
    """Its models and, `with_call`, whether it completes a prompt within `timeout_s` seconds. Never raises."""
    url = settings.openai_url or ""
    models: tuple[str, ...] = ()
    key = settings.openai_api_key
    async with OpenAIClient(url, num_ctx=settings.num_ctx, seed=settings.seed, api_key=key) as client:
        try:
            async with asyncio.timeout(timeout_s):
                models = tuple(await client.installed_models())
                await client.preload(settings.model)
                if with_call:
                    await client.chat(summarize_prompt("", Language("en"), 1), model=settings.model, num_predict=1)
        except EngineError as error:
            return OpenAIServer(url, models, str(error))
        except TimeoutError:
            return OpenAIServer(url, models, f"no answer within {timeout_s:g} s")
    return OpenAIServer(url, models)
