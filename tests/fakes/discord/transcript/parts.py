"""Components, embeds and files as HTML."""

import base64
import html
from collections.abc import Callable, Mapping
from typing import Any

from tests.fakes.discord.messages import Message

STYLES = {1: "primary", 2: "secondary", 3: "success", 4: "danger", 5: "link", 6: "premium"}
Text = Callable[[str], str]  # markdown to HTML


def emoji(of: Mapping[str, Any] | None) -> str:
    """An emoji; a guild's own by its name."""
    if not of:
        return ""
    name = html.escape(str(of.get("name") or ""))
    return f'<span class="emoji">{f":{name}:" if of.get("id") else name}</span>'


class Parts:
    """Writes the parts of one message."""

    def __init__(self, message: Message, text: Text, said: Mapping[str, str]) -> None:
        self._text = text
        self._said = said
        self._files = {str(attachment.id): attachment for attachment in message.attachments}

    def components(self, components: list[dict[str, Any]]) -> str:
        """Several, one below the other."""
        return "".join(self.component(part) for part in components)

    def component(self, part: dict[str, Any]) -> str:
        """One."""
        match part["type"]:
            case 1:
                return f'<div class="row">{self.components(part["components"])}</div>'
            case 2:
                return self._button(part)
            case 3 | 5 | 6 | 7 | 8:
                return select(part, self._said)
            case 9:
                inside = self.components(part["components"])
                accessory = self.component(part["accessory"])
                return f'<div class="section"><div class="grow">{inside}</div>{accessory}</div>'
            case 10:
                return f'<div class="text">{self._text(part["content"])}</div>'
            case 11:
                return self._picture(part, small=True)
            case 12:
                return self._gallery(part["items"])
            case 13:
                return self._file(part["name"], part["size"], spoiler=part["spoiler"])
            case 14:
                line = "line" if part["divider"] else ""
                return f'<div class="separator space{part["spacing"]} {line}"></div>'
            case 17:
                accent = part["accent_color"]
                colour = f"border-left-color:#{accent:06x}" if accent is not None else ""
                covered = " covered" if part["spoiler"] else ""
                inside = self.components(part["components"])
                plain = "" if accent is not None else " plain"
                return f'<div class="container{covered}{plain}" style="{colour}">{inside}</div>'
        return ""

    def _button(self, part: dict[str, Any]) -> str:
        off = " off" if part["disabled"] else ""
        label = html.escape(part.get("label") or "")
        leads_away = " ↗" if part["style"] == 5 else ""
        return f'<span class="button {STYLES[part["style"]]}{off}">{emoji(part.get("emoji"))}{label}{leads_away}</span>'

    def _gallery(self, items: list[dict[str, Any]]) -> str:
        inside = "".join(self._picture(item) for item in items)
        return f'<div class="gallery of{len(items)}">{inside}</div>'

    def _picture(self, item: dict[str, Any], *, small: bool = False) -> str:
        source = html.escape(self.source(item["media"]))
        about = html.escape(item.get("description") or "")
        classes = "picture" + (" thumbnail" if small else "") + (" covered" if item["spoiler"] else "")
        alt = f'<span class="alt" title="{about}">ALT</span>' if about else ""
        return f'<figure class="{classes}"><img src="{source}" alt="{about}">{alt}</figure>'

    def source(self, media: Mapping[str, Any]) -> str:
        """The picture itself where it was uploaded; other addresses are not fetched."""
        file = self._files.get(str(media.get("attachment_id")))
        if file is None:
            return ""
        return f"data:{file.file.content_type};base64,{base64.b64encode(file.file.data).decode()}"

    def attachments(self) -> str:
        """Files of a classic message."""
        shown = ""
        for attachment in self._files.values():
            if attachment.width:
                media = {"attachment_id": str(attachment.id)}
                item = {"media": media, "description": attachment.description, "spoiler": attachment.spoiler}
                shown += self._picture(item)
            else:
                shown += self._file(attachment.filename, len(attachment.file.data), spoiler=attachment.spoiler)
        return shown and f'<div class="gallery of{len(self._files)}">{shown}</div>'

    @staticmethod
    def _file(name: str, size: int, *, spoiler: bool) -> str:
        covered = " covered" if spoiler else ""
        amount = f"{size / 2**20:.2f} MB" if size >= 2**20 else f"{size / 1024:.1f} KB"
        return f'<div class="file{covered}"><b>{html.escape(name)}</b><small>{amount}</small></div>'

    def embeds(self, embeds: list[dict[str, Any]]) -> str:
        """Classic embeds."""
        return "".join(self._embed(embed) for embed in embeds)

    def _embed(self, embed: dict[str, Any]) -> str:
        inside = ""
        if author := embed.get("author"):
            inside += f'<div class="small">{html.escape(author["name"])}</div>'
        if title := embed.get("title"):
            inside += f"<strong>{self._text(title)}</strong>"
        if description := embed.get("description"):
            inside += f'<div class="text">{self._text(description)}</div>'
        for field in embed.get("fields", []):
            inside += f'<div class="field"><b>{self._text(field["name"])}</b>{self._text(field["value"])}</div>'
        for attachment in self._files.values():
            if (embed.get("image") or {}).get("url") == attachment.url:
                media = {"attachment_id": str(attachment.id)}
                inside += self._picture({"media": media, "description": None, "spoiler": False})
        if footer := embed.get("footer"):
            inside += f'<div class="small">{html.escape(footer["text"])}</div>'
        return f'<div class="container" style="border-left-color:#{embed.get("color") or 0x1E1F22:06x}">{inside}</div>'


def select(part: dict[str, Any], said: Mapping[str, str]) -> str:
    """A select: what is chosen, or its placeholder."""
    chosen = [option for option in part.get("options", []) if option.get("default")]
    shown = "".join(f"{emoji(o.get('emoji'))}{html.escape(o['label'])} " for o in chosen)
    shown = shown or f"<i>{html.escape(part.get('placeholder') or said['choose'])}</i>"
    off = " off" if part.get("disabled") else ""
    return f'<div class="select{off}"><span>{shown}</span><span>⌄</span></div>'


def dialog(form: dict[str, Any], text: Text, values: Mapping[str, Any], said: Mapping[str, str]) -> str:
    """A modal, filled in with `values` over what it was prefilled with."""
    fields = "".join(_field(part, text, values, said) for part in form["components"])
    ends = (("secondary", said["cancel"]), ("primary", said["submit"]))
    buttons = "".join(f'<span class="button {style}">{label}</span>' for style, label in ends)
    buttons = f'<div class="end">{buttons}</div>'
    return f'<div class="dialog"><h2>{html.escape(form["title"])}</h2>{fields}{buttons}</div>'


def _field(part: dict[str, Any], text: Text, values: Mapping[str, Any], said: Mapping[str, str]) -> str:
    if part["type"] == 10:
        return f'<div class="text">{text(part["content"])}</div>'
    inner = part.get("component") or part["components"][0]
    label = html.escape(part.get("label") or inner.get("label") or "")
    needed = "" if inner.get("required") is False else '<span class="needed">*</span>'
    about = f'<div class="small">{html.escape(part["description"])}</div>' if part.get("description") else ""
    if inner["type"] == 4:
        value = str(values.get(inner["custom_id"], inner.get("value") or ""))
        shown = html.escape(value) or f"<i>{html.escape(inner.get('placeholder') or '')}</i>"
        tall = " tall" if inner["style"] == 2 else ""
        box = f'<div class="input{tall}">{shown}</div>'
    elif inner["type"] == 19:
        box = f'<div class="input">{said["drop"]}</div>'
    else:
        wanted = values.get(inner["custom_id"])
        options = [o | {"default": o["value"] in wanted} if wanted else o for o in inner.get("options", [])]
        box = select(inner | {"options": options}, said)
    return f"<label>{label}{needed}</label>{about}{box}"
