"""/settings and /prefer: what a request means that does not say, where that comes from, and the answers' language."""

from collections.abc import Sequence

from bot.adapter import Command
from bot.catalog import FLAGS, find_command, find_verb
from bot.policy_values import usual_flag, usual_flags, usual_value
from bot.replies import Button, FieldKind, Form, FormField, Reply, text
from bot.replies_people import said
from bot.requests import Defaults
from bot.usual import Layer, layer_of
from engine.errors import BadValue, UnknownChoice
from engine.model import Actor
from engine.policies import UNSET
from engine.preferring import LOCALE, OPTION, STYLE, SUFFIX, Chosen, Preferring, Scope
from engine.studio import Studio
from engine.workflows.nearest import nearest
from engine.workflows.slots import is_name

MOST_STYLES = 50  # of one person or community
LONGEST = 1000  # characters of a style or suffix
CHANGE = "set-defaults"
"""The button under /settings, and the form that it opens."""
_VERBS = ("set", "list", "delete")
_SCOPES = {"me": Scope.PERSON, "mine": Scope.PERSON, "channel": Scope.CHANNEL, "community": Scope.COMMUNITY}
FORM_FIELDS = {"language": LOCALE, "template": "template", "model": "model", "aspect": "ar", "negative": "no"}
"""The fields of the form, and what each sets."""
_CHECKPOINTS = ("CheckpointLoaderSimple", "ckpt_name")
_CHOICES = 25  # of one field: more than that no platform shows


class PreferCommands:
    """Answers /settings, its form, and the verbs of /prefer."""

    def __init__(self, *, studio: Studio, preferring: Preferring, defaults: Defaults, locales: Sequence[str]) -> None:
        """`locales` are the languages that there are texts in."""
        self._studio = studio
        self._preferring = preferring
        self._defaults = defaults
        self._locales = tuple(locales)

    async def prefer(self, actor: Actor, command: Command) -> Reply:
        """Answer /prefer VERB ...."""
        words = command.line.split() if isinstance(command.line, str) else [w for w in command.line if w]
        verb = find_verb(find_command("prefer"), words[0] if words else "").name
        rest = words[1:]
        match verb:
            case "option":
                return await self._option(actor, command, rest)
            case "style":
                return await self._style(actor, command, rest)
            case "suffix":
                return await self._suffix(actor, command, " ".join(rest))
            case _:
                return await self._language(actor, command, " ".join(rest))

    # /settings

    async def settings(self, actor: Actor, command: Command, chosen: Chosen) -> Reply:
        """Every default that holds here, with where it comes from."""
        lines = [text("settings-title")]
        for name, (value, source) in self._holding(actor, chosen).items():
            lines.append(text("settings-line", flag=name, value=value, source=source))
        if chosen.person.get(SUFFIX):
            lines.append(text("settings-suffix", value=chosen.person[SUFFIX]))
        styles = sorted({*chosen.of(Scope.COMMUNITY, STYLE), *chosen.of(Scope.PERSON, STYLE)})
        if styles:
            lines.append(text("settings-styles", styles=", ".join(styles)))
        lines += [text("settings-cap", flag=name, value=value) for name, value in actor.policy.caps.items()]
        lines.append(text("settings-language", language=chosen.locale or actor.locale))
        return Reply(lines=tuple(lines), private=True, buttons=((Button(action=CHANGE, job_id=""),),))

    async def change(self, actor: Actor, command: Command, chosen: Chosen) -> Reply:
        """Answer the form: without values it is shown; then what was filled in holds, and what is empty does not."""
        if command.values is None:
            return Reply(lines=(), private=True, form=self._form(chosen))
        for name, key in FORM_FIELDS.items():
            if name not in command.values:
                continue
            value, chat = command.values[name].strip(), command.place.chat
            stored = LOCALE if key == LOCALE else OPTION + key
            if value:
                checked = self._locale_of(value) if key == LOCALE else self._checked(key, value)[1]
                await self._preferring.choose(actor, Scope.PERSON, chat, stored, checked)
            else:
                await self._preferring.drop(actor, Scope.PERSON, chat, stored)
        return await self.settings(actor, command, await self._preferring.chosen(actor, command.place.chat))

    def _form(self, chosen: Chosen) -> Form:
        own = chosen.of(Scope.PERSON, OPTION)
        templates = tuple(template.name for template in self._studio.library.all())[:_CHOICES]
        models = self._studio.choices(*_CHECKPOINTS)[:_CHOICES]
        fields = {
            "language": FormField(name="language", kind=FieldKind.CHOICE, value=chosen.locale, choices=self._locales),
            "template": FormField(
                name="template", kind=FieldKind.CHOICE, value=own.get("template", ""), choices=templates
            ),
            "model": FormField(name="model", kind=FieldKind.CHOICE, value=own.get("model", ""), choices=models),
            "aspect": FormField(name="aspect", value=own.get("ar", ""), expected=FLAGS.get("ar").expected),
            "negative": FormField(name="negative", kind=FieldKind.LONG, value=own.get("no", "")),
        }
        return Form(action=CHANGE, job_id="", fields=tuple(fields[name] for name in FORM_FIELDS))

    def _holding(self, actor: Actor, chosen: Chosen) -> dict[str, tuple[str, str]]:
        """Give what holds by flag, with its source, in the order of the flags."""
        held: dict[str, tuple[str, str]] = {
            "template": (self._defaults.template, "system"),
            "model": (self._defaults.model or next(iter(self._studio.choices(*_CHECKPOINTS)), ""), "system"),
        }
        template = self._studio.library.get(self._defaults.template)
        for slot in ("steps", "cfg", "sampler", "scheduler"):
            found = template.slots.get(slot)
            if found is not None and found.default is not None:
                held[slot] = (str(found.default), "template")
        if actor.policy.template:
            held["template"] = (actor.policy.template, "community")
        for layer in option_layers(chosen):
            for name, value in layer.values.items():
                for other in FLAGS.get(name).excludes:
                    held.pop(other, None)
                held[name] = (value, layer.source)
        return {name: held[name] for name in usual_flags() if name in held and held[name][0]}

    # /prefer

    async def _option(self, actor: Actor, command: Command, words: list[str]) -> Reply:
        """Set NAME VALUE, delete NAME, list; each with a scope at the end: channel or community."""
        verb, rest, scope = _read(words)
        chat = command.place.chat
        if verb == "list":
            return await self._list(actor, chat, OPTION, "prefer-options")
        flag = usual_flag(rest[0] if rest else "")
        if verb == "delete":
            done = await self._preferring.drop(actor, scope, chat, OPTION + flag.name)
            return said("prefer-deleted" if done else "prefer-not-set", name=f"--{flag.name}", scope=str(scope))
        name, value = self._checked(flag.name, " ".join(rest[1:]))
        return await self._set(actor, scope, chat, OPTION + name, value, f"--{name} {value}")

    async def _style(self, actor: Actor, command: Command, words: list[str]) -> Reply:
        """Set NAME WORDS AND FLAGS, delete NAME, list: what `--style NAME` stands for."""
        verb, rest, scope = _read(words)
        chat = command.place.chat
        if verb == "list":
            return await self._list(actor, chat, STYLE, "prefer-styles")
        name = rest[0].casefold() if rest else ""
        if not is_name(name) or len(name) > 32 or any(sign in name for sign in "\"'{},.:/\\"):
            raise BadValue(flag="style", value=name[:64], expected="a-z, 0-9, -", nearest="")
        chosen = await self._preferring.chosen(actor, chat)
        held = chosen.of(scope, STYLE)
        if verb == "delete":
            if name not in held:
                raise UnknownChoice(flag="style", value=name[:64], nearest=nearest(name, held))
            await self._preferring.drop(actor, scope, chat, STYLE + name)
            return said("prefer-deleted", name=f"--style {name}", scope=str(scope))
        if name not in held and len(held) >= MOST_STYLES:
            return said("prefer-full", limit=MOST_STYLES)
        meaning = _affix(" ".join(rest[1:]), "style")
        return await self._set(actor, scope, chat, STYLE + name, meaning, f"--style {name}")

    async def _suffix(self, actor: Actor, command: Command, words: str) -> Reply:
        """Set what every prompt of one's own ends with; nothing takes it away."""
        chat = command.place.chat
        if not words or words.lower() in UNSET:
            done = await self._preferring.drop(actor, Scope.PERSON, chat, SUFFIX)
            return said("prefer-no-suffix" if done else "prefer-no-suffix-set")
        await self._preferring.choose(actor, Scope.PERSON, chat, SUFFIX, _affix(words, "suffix"))
        return said("prefer-suffix", value=words)

    async def _language(self, actor: Actor, command: Command, word: str) -> Reply:
        """Set the language of answers; `none` leaves it to the platform."""
        chat = command.place.chat
        if not word or word.lower() in UNSET:
            await self._preferring.drop(actor, Scope.PERSON, chat, LOCALE)
            return said("prefer-language", language="")
        locale = self._locale_of(word)
        await self._preferring.choose(actor, Scope.PERSON, chat, LOCALE, locale)
        return said("prefer-language", language=locale)

    async def _set(self, actor: Actor, scope: Scope, chat: str, name: str, value: str, shown: str) -> Reply:
        if not await self._preferring.choose(actor, scope, chat, name, value):
            return said("prefer-full", limit=100)
        return said("prefer-set", name=shown, scope=str(scope))

    async def _list(self, actor: Actor, chat: str, prefix: str, title: str) -> Reply:
        chosen = await self._preferring.chosen(actor, chat)
        lines = [
            text("prefer-line", name=name, value=value, scope=str(scope))
            for scope in reversed(Scope)
            for name, value in chosen.of(scope, prefix).items()
        ]
        lines = lines or [text("prefer-none")]
        return Reply(lines=(text(f"{title}-title"), *lines), private=True)

    def _checked(self, name: str, value: str) -> tuple[str, str]:
        flag = usual_flag(name)
        if flag.name == "template":
            self._studio.library.get(value)
        return flag.name, usual_value(flag, value)

    def _locale_of(self, word: str) -> str:
        wanted = word.strip().replace("_", "-").casefold()
        for locale in self._locales:
            if wanted in (locale.casefold(), locale.partition("-")[0].casefold()):
                return locale
        expected = " | ".join(self._locales)
        raise BadValue(flag="language", value=word[:64], expected=expected, nearest=nearest(word, self._locales))


def option_layers(chosen: Chosen) -> tuple[Layer, ...]:
    """The options of every scope, the weakest first."""
    return tuple(
        Layer(source=str(scope), values=known(chosen.of(scope, OPTION)))
        for scope in (Scope.COMMUNITY, Scope.CHANNEL, Scope.PERSON)
    )


def layers_of(chosen: Chosen, style: str) -> tuple[Layer, ...]:
    """Everything that lies under a line that names a style or none, the weakest first. Raises UnknownChoice."""
    layers = list(option_layers(chosen))
    if suffix := chosen.person.get(SUFFIX):
        layers.append(layer_of("person", suffix))
    if style:
        styles = {**chosen.of(Scope.COMMUNITY, STYLE), **chosen.of(Scope.PERSON, STYLE)}
        wanted = style.casefold()
        if wanted not in styles:
            raise UnknownChoice(flag="style", value=style[:64], nearest=nearest(style, styles))
        layers.append(layer_of("style", styles[wanted]))
    return tuple(layers)


def known(options: dict[str, str]) -> dict[str, str]:
    """Leave out what this version knows no flag for."""
    return {name: value for name, value in options.items() if name in FLAGS}


def _affix(words: str, flag: str) -> str:
    """Check a style or suffix: words and flags that can be given a default, not too long. Raises UserError."""
    if not words or len(words) > LONGEST:
        raise BadValue(flag=flag, value=words[:60], expected=f"≤ {LONGEST}", nearest="")
    layer = layer_of(flag, words)
    for name in layer.values:
        usual_flag(name)
    return words


def _read(words: list[str]) -> tuple[str, list[str], Scope]:
    """Read VERB ... [SCOPE]; without a verb it is a list, with the name first it sets."""
    scope = Scope.PERSON
    if len(words) > 1 and words[-1].lower() in _SCOPES:
        scope = _SCOPES[words[-1].lower()]
        words = words[:-1]
    verb = words[0].lower() if words else "list"
    if verb in _VERBS:
        return verb, words[1:], scope
    near = nearest(verb, _VERBS)
    raise BadValue(flag="prefer", value=verb[:64], expected=" | ".join(_VERBS), nearest=near)
