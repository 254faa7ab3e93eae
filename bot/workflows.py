"""`atelier workflows`: what templates there are, and whether the endpoints can run them."""

from rich.console import Console

from bot.compose import build_pool, workflow_folders
from bot.programs import Exit
from config.settings import Settings
from engine.errors import NothingCanRun
from engine.workflows.library import Library
from engine.workflows.lint import check


async def describe_templates(settings: Settings, console: Console) -> Exit:
    """List every template with its slots. Raises TemplateBroken."""
    for template in Library.load(workflow_folders(settings)).all():
        console.print(f"{template.name}: {template.title}", style="bold", markup=False, highlight=False)
        for slot in template.slots.values():
            needed = " (required)" if slot.required else ""
            default = "" if slot.default in (None, "") else f", default {slot.default}"
            console.print(f"  {slot.name}: {slot.type}{default}{needed}", markup=False, highlight=False)
    return Exit.DONE


async def check_templates(settings: Settings, console: Console) -> Exit:
    """Lint every template against every endpoint; a local one is started for it. Fails if any has a problem."""
    library = Library.load(workflow_folders(settings))
    pool = build_pool(settings)
    await pool.start()
    try:
        if not await pool.wait_ready(settings.sampler.start_timeout):
            raise NothingCanRun(missing="an endpoint that answers", nearest="atelier doctor")
        found = 0
        for endpoint in pool.endpoints:
            if not endpoint.ready:
                console.print(f"{endpoint.name}: does not answer", style="red", highlight=False)
                found += 1
                continue
            object_info = await endpoint.object_info()
            for template in library.all():
                problems = check(template, object_info)
                found += len(problems)
                verdict = "runs" if not problems else f"{len(problems)} problem(s)"
                console.print(f"{template.name} on {endpoint.name}: {verdict}", highlight=False)
                for problem in problems:
                    console.print(f"  {problem}", style="red", markup=False, highlight=False, soft_wrap=True)
        return Exit.FAILED if found else Exit.DONE
    finally:
        await pool.close()
