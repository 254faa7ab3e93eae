"""The `atelier` command.

Each command imports what it needs when it runs: `atelier sampler` opens its doors at once, and nobody waits for a
database to be told that a flag is wrong.
"""

import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from bot.programs import sampler_command

app = typer.Typer(
    name="atelier",
    help="An image studio for chat communities.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
workflows = typer.Typer(help="Workflow templates.", no_args_is_help=True)
app.add_typer(workflows, name="workflows")
models = typer.Typer(help="Model files.", no_args_is_help=True)
app.add_typer(models, name="models")
quota = typer.Typer(help="Credits: who has how much, and whether the books add up.", no_args_is_help=True)
app.add_typer(quota, name="quota")
db = typer.Typer(help="The data folder: prune, backup, restore, check.", no_args_is_help=True)
app.add_typer(db, name="db")

FREE_WORDS = {"ignore_unknown_options": True}  # what is no option of ours is the grammar's, or the sampler's
WhoArgument = Annotated[
    str, typer.Argument(help="platform:id of a person or a chat, such as discord:42; or our own id.")
]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="The settings file. Default: ./atelier.toml.")]


@app.callback()
def choose_config(context: typer.Context, config: ConfigOption = None) -> None:
    """An image studio for chat communities."""
    context.obj = config


@app.command()
def serve(context: typer.Context) -> None:
    """Run the service: every configured platform, the queue, and the sampler child."""
    from bot.logs import configure_logs
    from bot.running import read_settings, run
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
    mask: Annotated[Path | None, typer.Option(help="Where to draw the picture anew: white (inpaint).")] = None,
    out: Annotated[Path, typer.Option(help="The folder that pictures go to.")] = Path("out"),
    save: Annotated[Path | None, typer.Option(help="Copy the first picture to this file too.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before many jobs.")] = False,
) -> None:
    """Make pictures: through the running service, or alone."""
    from bot.console.imagine import Wish, make_pictures
    from bot.logs import configure_logs
    from bot.running import read_settings, run

    settings = read_settings(context)
    configure_logs("error", "console")
    wish = Wish(words=tuple(words), image=image, mask=mask, out=out.absolute(), save=save, assume_yes=yes)
    run(settings, make_pictures(settings, wish))


@app.command(context_settings={**FREE_WORDS, "help_option_names": []})
def sampler(arguments: Annotated[list[str] | None, typer.Argument(metavar="[OPTIONS]")] = None) -> None:
    """Run our sampler, a ComfyUI-compatible server: --listen, --port, --models-dir, ..."""
    command = sampler_command(arguments or [])
    os.execv(command[0], command)  # noqa: S606 (it replaces this process)


@app.command()
def doctor(context: typer.Context) -> None:
    """Check configuration, folders, database, endpoints and tokens, and say how to mend each."""
    from rich.console import Console

    from bot.compose import workflow_folders
    from bot.doctor import report
    from bot.logs import configure_logs
    from bot.running import read_settings, run

    settings = read_settings(context)
    configure_logs("error", "console")
    run(settings, report(settings, workflow_folders(settings), Console()))


@workflows.command("list")
def list_workflows(context: typer.Context) -> None:
    """Show the templates and what each takes."""
    from rich.console import Console

    from bot.running import read_settings, run
    from bot.workflows import describe_templates

    settings = read_settings(context)
    run(settings, describe_templates(settings, Console()))


@workflows.command("check")
def check_workflows(context: typer.Context) -> None:
    """Lint the templates against what the endpoints can run."""
    from rich.console import Console

    from bot.logs import configure_logs
    from bot.running import read_settings, run
    from bot.workflows import check_templates

    settings = read_settings(context)
    configure_logs("error", "console")
    run(settings, check_templates(settings, Console()))


@models.command("list")
def list_model_files(context: typer.Context) -> None:
    """Show the model files, what each is, and where they go."""
    from rich.console import Console

    from bot.logs import configure_logs
    from bot.models import list_models
    from bot.running import read_settings, run

    settings = read_settings(context)
    configure_logs("error", "console")
    run(settings, list_models(settings, Console()))


@quota.command("show")
def show_quota(
    context: typer.Context, who: Annotated[str, typer.Argument(help="platform:id; everybody without it.")] = ""
) -> None:
    """Show wallets: what is available, held and granted."""
    from rich.console import Console

    from bot.quota import show
    from bot.running import read_settings, run

    settings = read_settings(context)
    run(settings, show(settings, Console(), who))


@quota.command("statement")
def show_statement(
    context: typer.Context,
    who: WhoArgument,
    limit: Annotated[int, typer.Option(min=1, help="The most entries that are shown.")] = 30,
) -> None:
    """Show a wallet's entries, the newest first, and what they were for."""
    from rich.console import Console

    from bot.quota import statement
    from bot.running import read_settings, run

    settings = read_settings(context)
    run(settings, statement(settings, Console(), who, limit))


@quota.command("grant")
def grant_credits(
    context: typer.Context,
    who: WhoArgument,
    amount: Annotated[float, typer.Argument(min=0.001, metavar="CREDITS", help="How many.")],
) -> None:
    """Make credits and give them to a person or a chat."""
    from rich.console import Console

    from bot.quota import grant
    from bot.running import read_settings, run

    settings = read_settings(context)
    run(settings, grant(settings, Console(), who, amount))


@quota.command("limits")
def set_limits(
    context: typer.Context,
    who: WhoArgument,
    amount: Annotated[
        float | None, typer.Argument(min=0, metavar="[CREDITS]", help="Without it: as the settings say.")
    ] = None,
) -> None:
    """Grant a person or a chat this much each period, instead of what the settings say."""
    from rich.console import Console

    from bot.quota import limits
    from bot.running import read_settings, run

    settings = read_settings(context)
    run(settings, limits(settings, Console(), who, amount))


@quota.command("audit")
def audit_books(context: typer.Context) -> None:
    """Prove that every balance, job and transfer adds up; exit code 1 and the wallet's name where one does not."""
    from rich.console import Console

    from bot.quota import audit
    from bot.running import read_settings, run

    settings = read_settings(context)
    run(settings, audit(settings, Console()))


@db.command("prune")
def prune_data(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
) -> None:
    """Remove pictures whose time is over, files that nothing refers to, and old copies of the sampler's."""
    from rich.console import Console

    from bot.db import prune
    from bot.logs import configure_logs
    from bot.running import read_settings, run

    settings = read_settings(context)
    configure_logs("error", "console")
    run(settings, prune(settings, Console(), dry_run=dry_run))


@db.command("backup")
def back_up_data(
    context: typer.Context, file: Annotated[Path, typer.Argument(help="The archive to write; it must not exist.")]
) -> None:
    """Write database and pictures into one archive; the service may run meanwhile."""
    from rich.console import Console

    from bot.db import back_up
    from bot.running import read_settings, run

    settings = read_settings(context)
    run(settings, back_up(settings, Console(), file))


@db.command("restore")
def restore_data(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="An archive that `backup` wrote.")],
    force: Annotated[bool, typer.Option("--force", help="Replace the database that is there.")] = False,
) -> None:
    """Put an archive back, while no service runs; it is checked first, and an older one is migrated."""
    from rich.console import Console

    from bot.db import restore
    from bot.running import read_settings, run

    settings = read_settings(context)
    run(settings, restore(settings, Console(), file, force=force))


@db.command("check")
def check_data(context: typer.Context) -> None:
    """Check the database's file, its books, and every picture."""
    from rich.console import Console

    from bot.db import check
    from bot.running import read_settings, run

    settings = read_settings(context)
    run(settings, check(settings, Console()))


def main() -> None:
    """Enter here."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    app()


if __name__ == "__main__":
    main()
