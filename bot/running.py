"""How a command runs to its end: settings read, errors said in a sentence, an exit code that means something."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.console import Console

from bot.compose import load_texts, settings_of_this_process
from bot.programs import Exit
from config.settings import Settings, SettingsError
from engine.errors import AtelierError, DeliveryError, Refusal, UserError


def read_settings(context: typer.Context) -> Settings:
    """The settings of the file that `--config` named, or the process ends with what is wrong with them."""
    path = context.obj
    try:
        return settings_of_this_process(path if isinstance(path, Path) else None)
    except SettingsError as error:
        fail(str(error), Exit.NOT_STARTED)


def run(settings: Settings, work: Coroutine[Any, Any, Exit]) -> NoReturn:
    """Run to the end; every error that we know ends in its sentence, in the settings' language."""
    try:
        code = asyncio.run(work)
    except KeyboardInterrupt:
        code = Exit.CANCELLED
    except (AtelierError, BaseExceptionGroup) as error:
        known = only_known(error)
        if known is None:
            raise
        fail(load_texts().error(settings.locale, known), exit_of(known))
    raise typer.Exit(code)


def fail(sentence: str, code: Exit) -> NoReturn:
    """Say what is wrong and end the process."""
    Console(stderr=True).print(sentence, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def only_known(error: BaseException) -> AtelierError | None:
    """The error, or the first of a group's, if all of them are ours."""
    if isinstance(error, BaseExceptionGroup):
        inner = [only_known(one) for one in error.exceptions]
        return inner[0] if all(inner) else None
    return error if isinstance(error, AtelierError) else None


def exit_of(error: AtelierError) -> Exit:
    """The exit code of an error that ended the command."""
    match error:
        case UserError() | DeliveryError():
            return Exit.BAD_INPUT
        case Refusal():
            return Exit.REFUSED
        case _:
            return Exit.NOT_STARTED
