"""What Discord's own client says around messages, in the viewer's language."""

ENGLISH = {
    "used": "used {command}",
    "thinking": "{name} is thinking…",
    "private": "Only you can see this",
    "dismiss": "Dismiss message",
    "edited": "(edited)",
    "app": "APP",
    "write": "Message {place}",
    "direct": "Direct Messages",
    "gone": "Original message was deleted",
    "cancel": "Cancel",
    "submit": "Submit",
    "choose": "Make a selection",
    "drop": "Drop files here or browse",
    "spoiler": "SPOILER",
}
CHINESE = {
    "used": "使用了 {command}",
    "thinking": "{name} 正在思考……",
    "private": "仅您可见",
    "dismiss": "忽略消息",
    "edited": "（已编辑）",
    "app": "应用",
    "write": "给 {place} 发消息",
    "direct": "私信",
    "gone": "原始消息已被删除",
    "cancel": "取消",
    "submit": "提交",
    "choose": "请选择",
    "drop": "将文件拖到此处，或浏览",
    "spoiler": "剧透",
}


def words(locale: str) -> dict[str, str]:
    """By Discord's name of a language; English where it is not at hand."""
    return CHINESE if locale.startswith("zh") else ENGLISH
