"""Answers to interactions, and what their tokens may do for 15 minutes after."""

from typing import TYPE_CHECKING, Any

from tests.fakes.discord import payloads
from tests.fakes.discord.calls import NOTHING, Answer, Call, Routes
from tests.fakes.discord.components import check_modal
from tests.fakes.discord.errors import Errors, Refusal, form_error
from tests.fakes.discord.interactions import ALLOWED, FOLLOWUPS_WHERE_NO_MEMBER, Interaction, Reply
from tests.fakes.discord.messages import Flag, Message

if TYPE_CHECKING:
    from tests.fakes.discord.server import FakeDiscord

SAFE_INTEGER = 2**53


def callback(server: "FakeDiscord", call: Call) -> Answer:
    """The one answer within three seconds."""
    interaction = server.interactions.get(call.ident("interaction_id"))
    if interaction is None or interaction.token != call.params["interaction_token"]:
        raise Refusal(10062)
    interaction.check_open()
    if interaction.channel.id not in server.world.channels:
        raise Refusal(10003)
    kind, data = call.form["type"], call.form.get("data") or {}
    if kind not in ALLOWED[interaction.type]:
        allowed = ", ".join(str(int(one)) for one in sorted(ALLOWED[interaction.type]))
        raise form_error({"type": ("BASE_TYPE_CHOICES", f"Value must be one of {{{allowed}}}.")})
    reply = Reply(kind)
    _carry_out(server, interaction, reply, data, call)
    interaction.acknowledge(reply)
    server.wake()
    if call.query.get("with_response", "").lower() not in {"true", "1"}:
        return NOTHING
    return Answer(body=_described(server, interaction, reply))


def _carry_out(server: "FakeDiscord", interaction: Interaction, reply: Reply, data: dict[str, Any], call: Call) -> None:
    """Do what the answer says."""
    composer, channel, bot = server.composer, interaction.channel, server.world.app.bot
    private = interaction.user if _private(interaction, data) else None
    match reply:
        case Reply.MESSAGE:
            interaction.original = composer.create(
                channel, bot, data, call.files, interaction=interaction, private_to=private
            )
        case Reply.DEFERRED_MESSAGE:
            interaction.original = composer.thinking(channel, interaction, private)
        case Reply.DEFERRED_UPDATE | Reply.UPDATE:
            if interaction.source is None:
                raise form_error({"type": ("INTERACTION_NO_MESSAGE", "There is no message to update")})
            if interaction.source.deleted:
                raise Refusal(10008)
            if reply is Reply.UPDATE:
                composer.edit(interaction.source, data, call.files)
            interaction.original = interaction.source
        case Reply.CHOICES:
            interaction.choices = _checked_choices(interaction, data.get("choices") or [])
        case Reply.MODAL:
            if errors := check_modal(data):
                raise form_error({f"data.{at}": error for at, error in errors.items()})
            interaction.modal = data


def _private(interaction: Interaction, data: dict[str, Any]) -> bool:
    """Whether only its user is to see the message."""
    return bool(Flag(data.get("flags") or 0) & Flag.EPHEMERAL) or interaction.must_be_private


def _checked_choices(interaction: Interaction, choices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most 25, each with a name and a value of 1 to 100 characters or a safe number, of the option's type."""
    errors: Errors = {}
    if len(choices) > 25:
        errors["data.choices"] = ("BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    kind = next(_focused(interaction.payload["data"].get("options", [])))["type"]
    for number, choice in enumerate(choices):
        at, value = f"data.choices.{number}", choice.get("value")
        if not 1 <= len(str(choice.get("name", ""))) <= 100:
            errors[f"{at}.name"] = ("BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
        if kind == 3 and not (isinstance(value, str) and 1 <= len(value) <= 100):
            errors[f"{at}.value"] = ("BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
        if kind == 4 and not (isinstance(value, int) and abs(value) <= SAFE_INTEGER):
            errors[f"{at}.value"] = ("NUMBER_TYPE_COERCE", f'Value "{value}" is not int.')
        if kind == 10 and (isinstance(value, str) or value is None):
            errors[f"{at}.value"] = ("NUMBER_TYPE_COERCE", f'Value "{value}" is not float.')
    if errors:
        raise form_error(errors)
    return choices


def _focused(options: list[dict[str, Any]]) -> Any:
    """The option that is being typed."""
    for option in options:
        if option.get("focused"):
            yield option
        yield from _focused(option.get("options", []))


def _described(server: "FakeDiscord", interaction: Interaction, reply: Reply) -> dict[str, Any]:
    """The body of `with_response`."""
    about: dict[str, Any] = {"id": str(interaction.id), "type": int(interaction.type)}
    described: dict[str, Any] = {"interaction": about}
    if (message := interaction.original) is not None:
        about |= {
            "response_message_id": str(message.id),
            "response_message_loading": message.loading,
            "response_message_ephemeral": message.private_to is not None,
        }
        if reply in {Reply.MESSAGE, Reply.UPDATE}:
            described["resource"] = {"type": int(reply), "message": payloads.message(message, server.world.app)}
    return described


def _served(server: "FakeDiscord", call: Call) -> Interaction:
    """The interaction whose token is in the path."""
    interaction = server.by_token.get(call.params["webhook_token"])
    if interaction is None or call.ident("webhook_id") != server.world.app.id:
        raise Refusal(10015)
    interaction.serve()
    if interaction.channel.id not in server.world.channels:
        raise Refusal(10003)
    return interaction


def follow_up(server: "FakeDiscord", call: Call) -> Answer:
    """One more message; the first one after a deferred answer takes the place of "is thinking…"."""
    interaction = _served(server, call)
    if interaction.original is not None and interaction.original.loading and not interaction.original.deleted:
        server.composer.edit(interaction.original, call.form, call.files)
        return Answer(body=payloads.message(interaction.original, server.world.app))
    if not interaction.bot_is_member and len(interaction.followups) >= FOLLOWUPS_WHERE_NO_MEMBER:
        raise Refusal(40094)
    message = server.composer.create(
        interaction.channel,
        server.world.app.bot,
        call.form,
        call.files,
        interaction=interaction,
        private_to=interaction.user if _private(interaction, call.form) else None,
        is_followup=True,
    )
    interaction.followups.append(message)
    interaction.changes()
    return Answer(body=payloads.message(message, server.world.app))


def _addressed(server: "FakeDiscord", call: Call) -> Message:
    """The message of the path, if this token made it or was made by it."""
    interaction = _served(server, call)
    ident = call.params.get("message_id")
    own = [m for m in (interaction.original, *interaction.followups) if m is not None]
    found = interaction.original if ident is None else next((m for m in own if m.id == int(ident)), None)
    if found is None or found.deleted:
        raise Refusal(10008)
    return found


def fetch(server: "FakeDiscord", call: Call) -> Answer:
    """A message of the interaction."""
    return Answer(body=payloads.message(_addressed(server, call), server.world.app))


def edit(server: "FakeDiscord", call: Call) -> Answer:
    """Change a message of the interaction."""
    message = _addressed(server, call)
    server.composer.edit(message, call.form, call.files)
    if message.interaction is not None:
        message.interaction.changes()
    return Answer(body=payloads.message(message, server.world.app))


def delete(server: "FakeDiscord", call: Call) -> Answer:
    """Take a message of the interaction away."""
    server.composer.delete(_addressed(server, call))
    return NOTHING


HOOK = "/webhooks/{webhook_id}/{webhook_token}"
ROUTES: Routes = {
    ("POST", "/interactions/{interaction_id}/{interaction_token}/callback"): callback,
    ("POST", HOOK): follow_up,
    ("GET", f"{HOOK}/messages/@original"): fetch,
    ("PATCH", f"{HOOK}/messages/@original"): edit,
    ("DELETE", f"{HOOK}/messages/@original"): delete,
    ("GET", f"{HOOK}/messages/{{message_id}}"): fetch,
    ("PATCH", f"{HOOK}/messages/{{message_id}}"): edit,
    ("DELETE", f"{HOOK}/messages/{{message_id}}"): delete,
}
