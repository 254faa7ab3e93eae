"""What holds for every line: it is read or refused, and the canonical line says the same."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.catalog import FLAGS, FlagKind, flags_for
from bot.grammar import ParsedLine, expand, parse, parse_words, render, template_of
from engine.errors import UserError
from engine.model import Lane
from engine.workflows.slots import Slot, SlotType

OWN = flags_for(
    (
        Slot(name="tile", node="S", input="tile", type=SlotType.BOOL),
        Slot(name="caption", node="S", input="text", type=SlotType.TEXT),
        Slot(name="mood", node="S", input="mood", type=SlotType.CHOICE, choices=("Bright", "Dark, Night", "o'c")),
    ),
)
SIGNS = st.text(st.sampled_from("ab \t-—–=\\{},\"'“’<>:lora17.xＡ３　\n\0"), max_size=30)
FLAG_NAMES = st.sampled_from([f"--{name}" for flag in OWN for name in (flag.name, *flag.aliases)])
PIECES = st.one_of(
    SIGNS, FLAG_NAMES, st.text(max_size=8), st.sampled_from(["3:2", "7", "0.5", "<lora:a:1>", "b:0.5", '"a b"', "on"])
)
LINES = st.lists(PIECES, max_size=8).map(" ".join)


@settings(deadline=None)
@given(LINES)
@example('a --no \\"b" c')
@example("a --caption \"'x'\"")
@example("a --model '\\--x y'")
@example("<lo<lora:a:1>ra:b:1>")
def test_every_line_is_read_the_same_from_its_canonical_form_or_refused(text: str) -> None:
    template_of(text)
    try:
        line = parse(text, OWN)
    except UserError:
        return
    canonical = render(line, OWN)
    assert parse(canonical, OWN) == line
    assert render(parse(canonical, OWN), OWN) == canonical
    assert expand(canonical, 1) == (canonical,), "what is canonical makes one job"


@settings(deadline=None)
@given(st.lists(PIECES, max_size=8))
def test_every_argv_is_read_or_refused(words: list[str]) -> None:
    template_of(words)
    try:
        line = parse_words(words, OWN)
    except UserError:
        return
    canonical = render(line, OWN)
    assert parse(canonical, OWN).prompt == line.prompt
    assert expand(canonical, 1) == (canonical,)


PLAIN = st.text(st.characters(exclude_categories=["Cs"]), max_size=30).map(lambda text: " ".join(text.split()))
# Prompts and texts as the grammar gives them: smart quotes are plain, LoRA tags are options.
TEXTS = PLAIN.map(lambda text: "".join(sign for sign in text if sign not in "“”„‟‘’‚‛<"))
TEXTS = TEXTS.map(lambda text: " ".join(text.split()))
NAMES = st.text(st.sampled_from("abcXYZ019._-' {}\\"), min_size=1, max_size=20).map(lambda text: " ".join(text.split()))
NAMES = NAMES.filter(lambda name: bool(name) and "\\" not in name and ".." not in name)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "negative": TEXTS,
        "seed": st.integers(0, 2**64 - 1),
        "steps": st.integers(1, 10_000),
        "cfg": st.integers(0, 3_000).map(lambda hundredths: hundredths / 100),
        "strength": st.integers(0, 1_000_000).map(lambda millionths: millionths / 1_000_000),
        "model": NAMES,
        "sampler": NAMES,
    },
)
SIDES = st.tuples(st.integers(1, 9999), st.integers(1, 9999))


@settings(deadline=None)
@given(
    prompt=TEXTS,
    options=OPTIONS,
    shape=st.one_of(st.just((None, None)), SIDES.map(lambda pair: (pair, None)), SIDES.map(lambda pair: (None, pair))),
    count=st.none() | st.integers(1, 4),
    repeat=st.none() | st.integers(1, 10),
    template=st.just("") | NAMES,
    lane=st.none() | st.sampled_from(Lane),
    switches=st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
def test_every_line_that_can_be_meant_can_be_written(
    prompt: str,
    options: dict[str, str | int | float],
    shape: tuple[tuple[int, int] | None, tuple[int, int] | None],
    count: int | None,
    repeat: int | None,
    template: str,
    lane: Lane | None,
    switches: tuple[bool, bool, bool],
) -> None:
    spoiler, private, dry = switches
    line = ParsedLine(
        prompt=prompt,
        options=options,
        aspect=shape[0],
        size=shape[1],
        count=count,
        template=template,
        repeat=repeat,
        lane=lane,
        spoiler=spoiler,
        private=private,
        dry=dry,
    )
    text = render(line)
    assert parse(text) == line
    assert expand(text, 1) == (text,)


def test_every_flag_of_the_table_was_generated() -> None:
    assert len({flag.kind for flag in OWN}) == len(FlagKind)
    assert len(list(FLAGS)) >= 19
