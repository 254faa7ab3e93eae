"""What a press means on every platform: an action on a picture of a job, or the answer to a question. Pure."""

import re
from dataclasses import dataclass

JOB = r"[a-z2-7]{16}"
"""A job's id, or the key of a question."""
TARGET = rf"(?P<action>[a-z][a-z-]{{0,30}}):(?P<job>{JOB}|):(?P<index>[0-9]{{1,3}})"
"""`upscale:abcdefghijklmnop:2`; see `Target`."""
ACTION = re.compile(TARGET)
ASK = re.compile(rf"ask:(?P<key>{JOB}):(?P<answer>yes|edit|no)")


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is meant: an action on a picture of a job."""

    action: str
    job_id: str = ""
    index: int = 0

    @property
    def id(self) -> str:
        """As buttons carry it."""
        return f"{self.action}:{self.job_id}:{self.index}"

    @property
    def line(self) -> tuple[str, ...]:
        """As a Command's line."""
        return (self.job_id, str(self.index))


@dataclass(frozen=True, kw_only=True)
class Answered:
    """The answer to a question of ours."""

    key: str
    answer: str


def matched_target(match: re.Match[str]) -> Target:
    """Give the target that a match of a pattern with `TARGET` in it names."""
    return Target(action=match["action"], job_id=match["job"], index=int(match["index"]))


def matched_answer(match: re.Match[str]) -> Answered:
    """Give the answer that a match of `ASK` holds."""
    return Answered(key=match["key"], answer=match["answer"])
