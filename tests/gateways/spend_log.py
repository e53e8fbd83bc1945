"""Run by LiteLLM's own Python: one answer through its router, as its spend logs have it.

No database and no network: the row is what the proxy would store.
"""

import asyncio
import json
import os
from datetime import datetime
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm  # noqa: E402  the variable has to be there before
from litellm.integrations.custom_logger import CustomLogger  # noqa: E402
from litellm.proxy.spend_tracking.spend_tracking_utils import get_logging_payload  # noqa: E402


class Writer(CustomLogger):  # type: ignore[misc]  # LiteLLM is not in the project's environment
    async def async_log_success_event(self, **call: Any) -> None:
        print(json.dumps(get_logging_payload(**call), default=_text), flush=True)


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


async def main() -> None:
    litellm.callbacks = [Writer()]
    params = {"model": "openai/gpt-4o-mini", "api_key": "none", "mock_response": "well"}
    level = {"model_name": "chat", "litellm_params": params, "model_info": {"id": "chat/openai/m"}}
    router = litellm.Router(model_list=[level])
    await router.acompletion(model="chat", messages=[{"role": "user", "content": "how?"}])
    await asyncio.sleep(2)  # LiteLLM logs in the background


asyncio.run(main())
