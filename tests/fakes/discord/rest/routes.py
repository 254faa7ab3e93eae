"""All routes of the REST API."""

from typing import TYPE_CHECKING

from tests.fakes.discord.calls import Answer, Call, Routes, Violation
from tests.fakes.discord.errors import Refusal
from tests.fakes.discord.rest import commands, interactions, messages, places

if TYPE_CHECKING:
    from tests.fakes.discord.server import FakeDiscord

ROUTES: Routes = {**places.ROUTES, **messages.ROUTES, **interactions.ROUTES, **commands.ROUTES}


def unknown(server: "FakeDiscord", call: Call) -> Answer:
    """A path that does not exist, or that this server does not have: either way a test must hear of it."""
    errors = {"": ("UNKNOWN_ROUTE", "there is no such route here")}
    server.violations.append(Violation(method=call.method, path=call.path, errors=errors, body=call.body))
    raise Refusal(0)
