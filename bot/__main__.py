"""The `atelier` command."""

import asyncio
import os
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from bot.compose import load_texts, sampler_command, settings_of_this_process, workflow_folders
from bot.console.client import Exit
from bot.logs import configure_logs
from config.settings import Settings, SettingsError
from engine.errors import AtelierError, DeliveryError, Refusal, UserError

app = typer.Typer(
    name="atelier",
    help="An image studio for chat communities.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
workflows = typer.Typer(help="Workflow templates.", no_args_is_help=True)
app.add_typer(workflows, name="workflows")

FREE_WORDS = {"ignore_unknown_options": True}  # what is no option of ours is the grammar's, or the sampler's
ConfigOption = Annotated[Path | None, typer.Option("--config", help="The settings file. Default: ./atelier.toml.")]


@app.callback()
def choose_config(context: typer.Context, config: ConfigOption = None) -> None:
    """An image studio for chat communities."""
    context.obj = config


def fail(sentence: str, code: Exit = Exit.NOT_STARTED) -> NoReturn:
    """Say what is wrong and end the process."""
    Console(stderr=True).print(sentence, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def read_settings(context: typer.Context) -> Settings:
    """The settings, or the process ends with what is wrong with them."""
    try:
        return settings_of_this_process(context.obj)
    except SettingsError as error:
        fail(str(error))


def run(settings: Settings, work: Coroutine[Any, Any, Exit]) -> NoReturn:
    """Run to the end; every error that we know ends in its sentence, in the settings' language."""
    try:
        code = asyncio.run(work)
    except KeyboardInterrupt:
        code = Exit.CANCELLED
    except BaseExceptionGroup as group:
        error = _only_known(group)
        if error is None:
            raise
        fail(sentence(settings, error), exit_of(error))
    except AtelierError as error:
        fail(sentence(settings, error), exit_of(error))
    raise typer.Exit(code)


def _only_known(error: BaseException) -> AtelierError | None:
    """The first of a group's errors, if all of them are ours."""
    if isinstance(error, BaseExceptionGroup):
        inner = [_only_known(one) for one in error.exceptions]
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


def sentence(settings: Settings, error: AtelierError) -> str:
    """An error as people read it."""
    return load_texts().error(settings.locale, error)


@app.command()
def serve(context: typer.Context) -> None:
    """Run the service: every configured platform, the queue, and the sampler child."""
    from bot.serve import serve_forever

    settings = read_settings(context)
    configure_logs(settings.log.level, settings.log.format)
    run(settings, serve_forever(settings))


@app.command(context_settings=FREE_WORDS)
def imagine(
    context: typer.Context,
    words: Annotated[
        list[str], typer.Argument(metavar="PROMPT [FLAGS]", help="What to draw, then flags like --ar 3:2.")
    ],
    image: Annotated[Path | None, typer.Option(help="A picture to start from (img2img).")] = None,
    out: Annotated[Path, typer.Option(help="The folder that pictures go to.")] = Path("out"),
    save: Annotated[Path | None, typer.Option(help="Copy the first picture to this file too.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before many jobs.")] = False,
) -> None:
    """Make pictures: through the running service, or alone."""
    from bot.console.imagine import Wish, make_pictures

    settings = read_settings(context)
    configure_logs("error", "console")
    wish = Wish(words=tuple(words), image=image, out=out.absolute(), save=save, assume_yes=yes)
    run(settings, make_pictures(settings, wish))


@app.command(context_settings={**FREE_WORDS, "help_option_names": []})
def sampler(arguments: Annotated[list[str] | None, typer.Argument(metavar="[OPTIONS]")] = None) -> None:
    """Run our sampler, a ComfyUI-compatible server: --listen, --port, --models-dir, ..."""
    command = sampler_command(arguments or [])
    os.execv(command[0], command)  # noqa: S606 (it replaces this process)


@app.command()
def doctor(context: typer.Context) -> None:
    """Check configuration, folders, database, endpoints and tokens, and say how to mend each."""
    from bot.doctor import Health, examine

    settings = read_settings(context)
    configure_logs("error", "console")
    console = Console()
    marks = {Health.GOOD: "[green]✓[/]", Health.WARNING: "[yellow]![/]", Health.BAD: "[red]✗[/]"}

    async def look() -> Exit:
        worst = Exit.DONE
        async for finding in examine(settings, workflow_folders(settings)):
            console.print(marks[finding.health], end=" ")
            console.print(f"{finding.subject}: {finding.says}", markup=False, highlight=False, soft_wrap=True)
            if finding.mend:
                console.print(f"    → {finding.mend}", markup=False, highlight=False, soft_wrap=True)
            if finding.health is Health.BAD:
                worst = Exit.NOT_STARTED
        return worst

    run(settings, look())


@workflows.command("list")
def list_workflows(context: typer.Context) -> None:
    """Show the templates and what each takes."""
    from bot.workflows import describe_templates

    settings = read_settings(context)
    describe_templates(workflow_folders(settings), Console())


@workflows.command("check")
def check_workflows(context: typer.Context) -> None:
    """Lint the templates against what the endpoints can run."""
    from bot.workflows import check_templates

    settings = read_settings(context)
    configure_logs("error", "console")
    run(settings, check_templates(settings, Console()))


def main() -> None:
    """Enter here."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    app()


if __name__ == "__main__":
    main()
