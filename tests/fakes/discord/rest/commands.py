"""The application's commands: global ones and those of a guild."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.fakes.discord import registered
from tests.fakes.discord.calls import NOTHING, Answer, Call, Routes
from tests.fakes.discord.errors import Errors, Refusal, form_error
from tests.fakes.discord.rest.access import seen_guild

if TYPE_CHECKING:
    from tests.fakes.discord.server import FakeDiscord

Stored = dict[int, dict[str, Any]]
CREATES_A_DAY = 200


def _stored(server: "FakeDiscord", call: Call) -> tuple[Stored, int]:
    """The commands that the path is about, and their guild's id, 0 for global ones."""
    if call.ident("application_id") != server.world.app.id:
        raise Refusal(50001)
    guild_id = seen_guild(server, call).id if "guild_id" in call.params else 0
    return server.world.app.commands.setdefault(guild_id, {}), guild_id


def _one(server: "FakeDiscord", call: Call) -> dict[str, Any]:
    stored, _ = _stored(server, call)
    if (found := stored.get(call.ident("command_id"))) is None:
        raise Refusal(10063)
    return found


def _save(server: "FakeDiscord", form: dict[str, Any], stored: Stored, guild_id: int) -> dict[str, Any]:
    """Put a command in, in the place of one of the same name and type."""
    kind = form.get("type") or registered.CHAT
    same = next((c for c in stored.values() if c["name"] == form["name"] and c["type"] == kind), None)
    if same is None:
        _count_create(server, guild_id)
    ident = int(same["id"]) if same else server.clock.snowflake()
    version = server.clock.snowflake()
    made = registered.shown(form, ident=ident, version=version, app_id=server.world.app.id, guild_id=guild_id)
    if same is not None and {**made, "version": ""} == {**same, "version": ""}:
        return same
    stored[ident] = made
    return made


def _count_create(server: "FakeDiscord", guild_id: int) -> None:
    """New names count: 200 in a day, for each guild and globally."""
    made = server.command_creates.setdefault(guild_id, [])
    made[:] = [at for at in made if server.clock.now() - at < 24 * 3600]
    if len(made) >= CREATES_A_DAY:
        wait = 24 * 3600 - (server.clock.now() - made[0])
        raise Refusal(30034, more={"retry_after": round(wait, 3), "global": False})
    made.append(server.clock.now())


def every(server: "FakeDiscord", call: Call) -> Answer:
    """All of them; translations only if asked for."""
    stored, _ = _stored(server, call)
    full = call.query.get("with_localizations", "").lower() in {"true", "1"}
    keys = () if full else ("name_localizations", "description_localizations")
    return Answer(body=[{key: v for key, v in command.items() if key not in keys} for command in stored.values()])


def overwrite(server: "FakeDiscord", call: Call) -> Answer:
    """All of them at once: those that are not in the list are gone."""
    stored, guild_id = _stored(server, call)
    forms = call.body or []
    if errors := registered.check_commands(forms):
        raise form_error(errors)
    kept: Stored = {}
    for form in forms:
        made = _save(server, form, stored, guild_id)
        kept[int(made["id"])] = made
    server.world.app.commands[guild_id] = kept
    server.wake()
    return Answer(body=list(kept.values()))


def create(server: "FakeDiscord", call: Call) -> Answer:
    """One; 201 if it is new."""
    stored, guild_id = _stored(server, call)
    if errors := registered.check_command(call.form):
        raise form_error(errors)
    known = set(stored)
    kind = call.form.get("type") or registered.CHAT
    counts = Counter(command["type"] for command in stored.values())
    is_new = not any(c["name"] == call.form["name"] and c["type"] == kind for c in stored.values())
    if is_new and counts[kind] >= registered.MAX_COMMANDS.get(kind, 1):
        raise Refusal(30032)
    made = _save(server, call.form, stored, guild_id)
    return Answer(status=200 if int(made["id"]) in known else 201, body=made)


def fetch(server: "FakeDiscord", call: Call) -> Answer:
    """One by id."""
    return Answer(body=_one(server, call))


def edit(server: "FakeDiscord", call: Call) -> Answer:
    """Change what is named."""
    found = _one(server, call)
    form = found | call.form
    errors: Errors = registered.check_command(form)
    if errors:
        raise form_error(errors)
    guild_id = int(found.get("guild_id", 0))
    app_id = server.world.app.id
    made = registered.shown(
        form, ident=int(found["id"]), version=server.clock.snowflake(), app_id=app_id, guild_id=guild_id
    )
    server.world.app.commands[guild_id][int(found["id"])] = made
    return Answer(body=made)


def delete(server: "FakeDiscord", call: Call) -> Answer:
    """One less."""
    found = _one(server, call)
    stored, _ = _stored(server, call)
    stored.pop(int(found["id"]))
    return NOTHING


GLOBAL = "/applications/{application_id}/commands"
OF_GUILD = "/applications/{application_id}/guilds/{guild_id}/commands"
ROUTES: Routes = {
    (method, f"{base}{tail}"): handler
    for base in (GLOBAL, OF_GUILD)
    for method, tail, handler in (
        ("GET", "", every),
        ("PUT", "", overwrite),
        ("POST", "", create),
        ("GET", "/{command_id}", fetch),
        ("PATCH", "/{command_id}", edit),
        ("DELETE", "/{command_id}", delete),
    )
}
