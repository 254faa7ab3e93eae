"""How a text is read by the rules: the same word in however many disguises is one word. Pure, and linear in time.

Read as one are upper and lower case, full width and styled letters (NFKC), accents, look-alikes from other scripts,
zero-width and control characters, digits and signs for letters (`n4k3d`, `n@ked`), stretched words (`nuuude`), words
that punctuation cuts (`nu.de`), and letters that are spaced out (`n u d e`, `裸 体`). Nothing is lost by it: a word
keeps every way in which it can be read.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

LONGEST = 32_000  # characters that are read of a text: more than any slot takes
LONGEST_WORD = 64  # characters
_FEWEST_SPELLED = 3  # letters, from which on they are a word that was spaced out

_SAME = {
    **dict(zip("аәвгɡԁеёһіїјкӏмнорԛѕтцухԝуьѵ", "aabrgdeehiijklmhopqstuyxwyvv", strict=True)),  # Cyrillic, as they look
    **dict(zip("αβγδεζηικλμνοπρςστυφχωϲϳ", "abydezniklmvonpsstuoxwcj", strict=True)),  # Greek
    **dict(zip("ոսօհցզԁ", "nuohgqd", strict=True)),  # Armenian
    **dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz", strict=True)),  # small capitals
    **dict(zip("ɑɐɓƈɗɘəɛɠɦɨʝƙɫɯɲɵøɔþʁʂʈυʋʍʎʐſıłđħŋœæß", "aabcdeeeghijklmnoooprstuvwyzsildhneas", strict=True)),
    **{chr(0x1F1E6 + n): chr(97 + n) for n in range(26)},  # regional indicators
    **{chr(0x1F150 + n): chr(97 + n) for n in range(26)},  # white on black circles
    **{chr(0x1F170 + n): chr(97 + n) for n in range(26)},  # and squares
}
_LOOK_ALIKES = str.maketrans(_SAME)
_CAPITALS = str.maketrans("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX")  # Greek ones, whose small letters look otherwise
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0\u2800\u180e\u17b4\u17b5")  # letters by their category that show nothing
_DIGITS = (str.maketrans("01345678", "oieasgtb"), str.maketrans("01345679", "oleasgtg"))
_SIGNS = str.maketrans("@$€!|+£¡¢", "aseiltlic")
_WORD = re.compile(r"[^\W_]+")
_EDGE_SIGNS = "!|+*.,;:?¡"
_STRETCHED = re.compile(r"(.)\1{2,}")
_BEFORE_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WITHOUT_SPACES = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")  # Han and kana
_BETWEEN = r"[\s.·・*_\-~]{1,3}"  # what may stand between two Han characters that are spaced out
_SPELLED_HAN = re.compile(rf"(?<![\u2e80-\u9fff])[\u2e80-\u9fff](?:{_BETWEEN}[\u2e80-\u9fff](?![\u2e80-\u9fff]))+")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A text as the rules read it."""

    sequences: tuple[tuple[frozenset[str], ...], ...]  # its words in order, each in all its forms; one for each reading
    loose: frozenset[str]  # words that punctuation or spaces have cut, put together
    spelled: tuple[str, ...]  # letters that were spaced out, put together; may have more words in it
    runs: tuple[str, ...]  # of scripts that put no spaces between words
    plain: str  # the text itself, without disguises of single characters


def read(text: str) -> Reading:
    """Read a text."""
    plain = plainly(text)
    groups = plain.split()
    as_letters = [group.strip(_EDGE_SIGNS).translate(_SIGNS) for group in groups]
    words = [word for group in groups for word in _WORD.findall(group)]
    signed = [word for group in as_letters for word in _WORD.findall(group)]
    sequences = [tuple(_forms(word) for word in words)]
    if signed != words:
        sequences.append(tuple(_forms(word) for word in signed))
    return Reading(
        sequences=tuple(sequences),
        loose=frozenset(form for word in _put_together(groups) for form in _forms(word)),
        spelled=tuple(_spelled(words)),
        runs=(*_WITHOUT_SPACES.findall(plain), *(re.sub(_BETWEEN, "", m[0]) for m in _SPELLED_HAN.finditer(plain))),
        plain=plain,
    )


def read_name(name: str) -> Reading:
    """Read the name of a file, where words are run together: `NudeKids-v2.safetensors`."""
    return read(_BEFORE_CAPITAL.sub(" ", name[:LONGEST]).replace("_", " ").replace("-", " "))


def plainly(text: str) -> str:
    """Take off what disguises single characters; lines and tabs become spaces."""
    folded = unicodedata.normalize("NFKC", text[:LONGEST]).translate(_CAPITALS).casefold()
    kept = []
    for character in unicodedata.normalize("NFKD", folded):
        kind = unicodedata.category(character)
        if kind in ("Mn", "Me", "Cf", "Cs", "Co", "Cn") or character in _FILLERS:
            continue
        kept.append(" " if kind in ("Cc", "Zs", "Zl", "Zp") else character)
    return unicodedata.normalize("NFC", "".join(kept).translate(_LOOK_ALIKES))


def clean(text: str) -> str:
    """Give a text as it may be shown and drawn: without control characters and what turns the direction of writing.

    Zero-width joiners stay: emoji and some scripts need them.
    """
    return "".join(
        " " if character in "\t\n\r\x0b\x0c\u2028\u2029" else character
        for character in text
        if character in "\t\n\r\x0b\x0c\u200d\u200c" or unicodedata.category(character) not in ("Cc", "Cf", "Cs")
    )


def _forms(word: str) -> frozenset[str]:
    """Give every way in which a word can be read."""
    word = word[:LONGEST_WORD]
    forms = {word}
    if not word.isalpha() and not word.isdigit():
        forms |= {word.translate(digits) for digits in _DIGITS}
    for form in tuple(forms):
        if _STRETCHED.search(form):
            forms |= {_STRETCHED.sub(r"\1", form), _STRETCHED.sub(r"\1\1", form)}
    for form in tuple(forms):
        if form.endswith("s"):
            forms |= {form[:-1], form[:-2]} if form.endswith("es") else {form[:-1]}
    return frozenset(forms)


def _put_together(groups: Iterable[str]) -> Iterator[str]:
    """Give words that are cut by punctuation without a space: two parts each, and all of them."""
    for group in groups:
        parts = _WORD.findall(group)
        if len(parts) > 1:
            yield "".join(parts)[:LONGEST_WORD]
            for left, right in pairwise(parts):
                yield left + right


def _spelled(words: Sequence[str]) -> Iterator[str]:
    """Give runs of single letters."""
    run: list[str] = []
    for word in (*words, "--"):
        if len(word) == 1 and not _WITHOUT_SPACES.match(word):
            run.append(word)
            continue
        if len(run) >= _FEWEST_SPELLED:
            joined = "".join(run)
            yield joined
            yield joined.translate(_DIGITS[0])
        run = []
