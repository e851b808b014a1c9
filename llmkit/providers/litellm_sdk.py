"""LiteLLM, imported so that it keeps to itself: no download at import, no telemetry, no logging, no retries of
its own. Imported by the provider's first call, on a thread of its own, for it takes seconds."""

from __future__ import annotations

import logging
import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it asks GitHub for prices when imported

import litellm

litellm.telemetry = False
litellm.suppress_debug_info = True
litellm.turn_off_message_logging = True
litellm.disable_streaming_logging = True
litellm.num_retries = 0
litellm.drop_params = False
logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)  # it would write prompts and keys into the log
