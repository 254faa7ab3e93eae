"""The checks of prompts and pictures, built for `bot/compose.py`."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from bot.programs import classifier_command
from config.settings import Settings, config_dir
from engine.ports_moderation import Safety
from engine.safety.classifier import ClassifierSafety
from engine.safety.guard import Guard
from engine.safety.hook import HookSafety
from engine.safety.rules import Rules
from engine.safety.verdicts import Verdict
from engine.screening import Screener

if TYPE_CHECKING:
    from bot.compose import Storage


async def build_safety(settings: Settings, stack: AsyncExitStack, environment: Mapping[str, str]) -> Safety:
    """All checks of prompts and pictures, opened; `environment` is for the classifier's process."""
    safety = settings.safety
    closed = safety.on_failure == "closed"
    others: list[Safety] = []
    if safety.classifier is not None:
        classifier = ClassifierSafety(
            command=classifier_command(["--model", str(safety.classifier), "--device", settings.sampler.device]),
            environment={**environment, "HF_HUB_OFFLINE": "1"},
            labels=safety.labels,
            threshold=safety.threshold,
            timeout=safety.timeout,
            closed=closed,
        )
        stack.push_async_callback(classifier.close)
        await classifier.open()
        others.append(classifier)
    if safety.hook_url is not None:
        key = safety.hook_key.get_secret_value() if safety.hook_key else None
        hook = HookSafety(url=safety.hook_url, key=key, timeout=safety.timeout, closed=closed)
        others.append(await stack.enter_async_context(hook))
    return Guard(Rules.load(config_dir() / "safety" / "rules.toml"), others)


async def build_screener(
    settings: Settings, storage: "Storage", stack: AsyncExitStack, environment: Mapping[str, str]
) -> Screener:
    """What asks the checks, and decides by each place's policy; `stack` closes the checks."""
    return Screener(
        safety=await build_safety(settings, stack, environment),
        books=storage.books,
        accounts=storage.accounts,
        reviews=storage.reviews,
        blobs=storage.blobs,
        nsfw=Verdict(settings.safety.nsfw),
    )
