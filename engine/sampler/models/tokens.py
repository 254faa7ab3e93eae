"""Tokenizers: a weighted prompt becomes rows of token ids, each as long as the text encoder reads at once."""

import gzip
import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Protocol

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import BPE

from engine.sampler.models.files import ModelFile
from engine.sampler.models.prompt import pieces

_WHOLE = 7  # tokens; what is longer may be cut where a row ends
_BEFORE_EMBEDDING = re.compile(r"[ \n](?=embedding:)")
_EMBEDDING = "embedding:"
_MERGES = 49152 - 256 - 2  # what CLIP uses of the published list


@dataclass(frozen=True, slots=True)
class Token:
    """A token and how much it counts."""

    id: int  # in the vocabulary, or the place in the file of an embedding
    weight: float
    file: ModelFile | None = None  # where an embedding is from


@dataclass(frozen=True, kw_only=True)
class Embedding:
    """A learned word (textual inversion, Gal et al. 2022, arXiv 2208.01618): some vectors in a file."""

    file: ModelFile
    count: int


FindEmbedding = Callable[[str], Embedding | None]


class Vocabulary(Protocol):
    """What turns words into ids."""

    @property
    def start(self) -> int:
        """The id that begins every row."""

    @property
    def end(self) -> int:
        """The id that ends every row and fills it up."""

    def ids(self, word: str) -> Sequence[int]:
        """Give the ids of a text without spaces; none if nothing of it is known."""


class ClipVocabulary:
    """CLIP's byte pairs (Radford et al. 2021, arXiv 2103.00020): 49408 ids."""

    start = 49406
    end = 49407

    def __init__(self) -> None:
        letters = list(pre_tokenizers.ByteLevel.alphabet())
        by_code = sorted(letters, key=_byte_rank)
        packed = resources.files("engine.sampler.models").joinpath("data/bpe_simple_vocab_16e6.txt.gz").read_bytes()
        lines = gzip.decompress(packed).decode("utf-8").split("\n")[1 : _MERGES + 1]
        merges = [(left, right) for left, right in (line.split() for line in lines)]
        names = [*by_code, *(letter + "</w>" for letter in by_code), *(left + right for left, right in merges)]
        vocabulary = {name: index for index, name in enumerate([*names, "<|startoftext|>", "<|endoftext|>"])}
        self._tokenizer = Tokenizer(BPE(vocab=vocabulary, merges=merges, end_of_word_suffix="</w>"))
        self._tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
        words = Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
        self._tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(words, behavior="removed", invert=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )

    def ids(self, word: str) -> Sequence[int]:
        return list(self._tokenizer.encode(word, add_special_tokens=False).ids)


class WordVocabulary:
    """The built-in model's words; those it does not know are passed over."""

    def __init__(self, path: Path) -> None:
        self._table: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
        self.start = self._table["<start>"]
        self.end = self._table["<end>"]

    def ids(self, word: str) -> Sequence[int]:
        plain = unicodedata.normalize("NFKC", word).lower()
        found = re.findall(r"[a-z]+|[0-9]+", plain)
        return [self._table[part] for part in found if part in self._table]


@cache
def clip_vocabulary() -> ClipVocabulary:
    """Give CLIP's vocabulary, read once: it is the same for every checkpoint and never changes."""
    return ClipVocabulary()


def rows(
    prompt: str,
    vocabulary: Vocabulary,
    length: int,
    *,
    padding: int | None = None,
    embedding: FindEmbedding | None = None,
) -> list[list[Token]]:
    """Turn a weighted prompt into rows of `length` tokens: start, words, end, filled up with `padding` (else with end).

    There is at least one row. A stretch of one weight is not cut between rows unless it is long. `embedding:name` is
    replaced by that embedding's vectors, or left out if `embedding` does not find it; without `embedding` it is text.
    """
    room = length - 2
    found: list[list[Token]] = [[]]
    for piece in pieces(prompt):
        for tokens in _stretches(piece.text, piece.weight, vocabulary, embedding):
            if len(found[-1]) + len(tokens) > room and len(tokens) <= _WHOLE and found[-1]:
                found.append([])
            for token in tokens:
                if len(found[-1]) == room:
                    found.append([])
                found[-1].append(token)
    return [_framed(row, vocabulary, length, padding) for row in found]


def _stretches(
    text: str, weight: float, vocabulary: Vocabulary, embedding: FindEmbedding | None
) -> Iterator[list[Token]]:
    for part in _BEFORE_EMBEDDING.split(text):
        words = part
        if embedding is not None and part.startswith(_EMBEDDING):
            name, _, words = part.removeprefix(_EMBEDDING).strip("\n").partition(" ")
            learned = embedding(name)
            if learned is None and name.strip(",") != name:
                learned = embedding(name.strip(","))
                words = f"{name[len(name.strip(',')) :]} {words}"
            if learned is not None:
                yield [Token(place, weight, learned.file) for place in range(learned.count)]
        yield [Token(id, weight) for id in vocabulary.ids(words)]


def _framed(row: list[Token], vocabulary: Vocabulary, length: int, padding: int | None) -> list[Token]:
    end = Token(vocabulary.end, 1.0)
    filling = end if padding is None else Token(padding, 1.0)
    return [Token(vocabulary.start, 1.0), *row, end, *[filling] * (length - 2 - len(row))]


def _byte_rank(letter: str) -> tuple[bool, int]:
    """Sort the byte alphabet as CLIP does: printable bytes first, then the stand-ins for the others (from U+0100)."""
    return ord(letter) >= 256, ord(letter)
