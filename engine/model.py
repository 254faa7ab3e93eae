"""The types that cross rooms: frozen, keyword-only; changes are `dataclasses.replace`d copies.

Units: times are seconds since the Unix epoch (UTC), durations seconds, costs and balances integers in
milli-GPU-seconds (`mgs`; 1 credit = 1000 mgs = one second of the reference GPU). Blobs are named by the lower-case
hex SHA-256 of their bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from engine.policies import CommunityPolicy
from engine.safety.verdicts import Screening

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
Graph: TypeAlias = dict[str, Json]
"""A ComfyUI workflow in API format: node id -> {class_type, inputs, _meta}."""
OptionValue: TypeAlias = str | int | float | bool


class Power(StrEnum):
    """What an actor may do, from least to most."""

    NOBODY = "nobody"
    MEMBER = "member"
    MODERATOR = "moderator"
    OPERATOR = "operator"


class Lane(StrEnum):
    """Fast goes before relaxed, within a bound."""

    FAST = "fast"
    RELAXED = "relaxed"


class JobStatus(StrEnum):
    """The life of a job; the last five are ends."""

    HELD = "held"
    QUEUED = "queued"
    RUNNING = "running"
    DELIVERING = "delivering"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    EXPIRED = "expired"

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to the job."""
        return self in _ENDED_JOBS


_ENDED_JOBS = frozenset(
    {JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.REFUSED, JobStatus.EXPIRED},
)


class TaskStatus(StrEnum):
    """The life of a task; the last three are ends."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AttemptStatus(StrEnum):
    """The life of an attempt; the last four are ends."""

    CLAIMED = "claimed"
    SENT = "sent"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"
    CANCELLED = "cancelled"


class DeliveryStatus(StrEnum):
    """The life of a delivery; the last two are ends."""

    WAITING = "waiting"
    HELD = "held"  # its pictures wait for a moderator
    DUE = "due"
    SENDING = "sending"
    DELIVERED = "delivered"
    UNDELIVERABLE = "undeliverable"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Somebody as a platform knows them."""

    platform: str
    id: str
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody, on however many platforms."""

    id: str
    name: str
    wallet_id: str
    created_at: float


@dataclass(frozen=True, kw_only=True)
class Community:
    """A guild, a group chat or a web site's room, with a wallet and a policy of its own."""

    id: str
    platform: str
    external_id: str
    name: str
    wallet_id: str


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who asks, from where and with which power."""

    person: Person
    identity: Identity
    power: Power
    community: Community | None = None  # None: a direct message or the console
    locale: str = "en"
    policy: CommunityPolicy = field(default_factory=CommunityPolicy)  # of `community`, as it was when they asked


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the one message of a job lives; the adapter of `platform` reads the rest."""

    platform: str
    chat: str  # a channel or chat id; on the console the folder that pictures go to
    thread: str = ""  # a topic within the chat
    reply_to: str = ""  # the message that asked
    locale: str = "en"  # the language of the person who asked
    owner: str = ""  # the display name of the person who asked
    owner_id: str = ""  # their id on the platform: who is pinged, and whose direct messages a result may go to
    kind: str = ""  # what kind of chat it is, in the words of the platform's limits; empty: any
    asked_in: str = ""  # the chat that a private result was asked for in: it gets word of a failure, and nothing else
    asked_thread: str = ""
    adult: bool = False  # the chat is open to adults alone


@dataclass(frozen=True, kw_only=True)
class PictureRef:
    """One picture of a job, as people count them."""

    job_id: str
    number: int  # 1 is the first


@dataclass(frozen=True, kw_only=True)
class Request:
    """What somebody asks for, resolved: every option is a slot of the template, in its type."""

    request_key: str  # unique for ever: a redelivered event is the same job
    template: str
    options: Mapping[str, OptionValue]  # by slot name; image and mask slots hold a blob's name
    count: int = 1
    lane: Lane = Lane.FAST
    place: Place
    text: str = ""  # the line as people read it: prompt and flags
    private: bool = False
    spoiler: bool = False
    parent: PictureRef | None = None  # the picture that it was made from, by a button or a reply


@dataclass(frozen=True, kw_only=True)
class GraphInput:
    """A file that the endpoint must have before it can run a graph."""

    node_id: str
    input: str
    blob: str
    filename: str  # as the graph names it; content-addressed, so that uploading twice is harmless


@dataclass(frozen=True, kw_only=True)
class BoundTask:
    """One task of a request: a graph with its seed in it, ready to run."""

    index: int
    seed: int
    graph: Graph
    inputs: tuple[GraphInput, ...] = ()
    needs: str  # canonical JSON of node classes and model choices; see engine.workflows.lint.Needs
    cost: int  # mgs
    kind: str = ""  # template, model and size class: work whose true cost is learnt together; see engine.pace


@dataclass(frozen=True, kw_only=True)
class NewJob:
    """All that `Books.accept` writes in its one transaction."""

    request: Request
    person_id: str
    community_id: str | None
    template_hash: str
    model: str  # the checkpoint, for display and affinity; empty if the template has none
    tasks: tuple[BoundTask, ...]
    screening: Screening = Screening.NONE  # NONE or ASKED
    flagged: str = ""  # the category that a check has found; empty if none

    @property
    def quote(self) -> int:
        """The most that the job can cost, in mgs."""
        return sum(task.cost for task in self.tasks)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One request on its way."""

    id: str
    request_key: str
    person_id: str
    community_id: str | None
    status: JobStatus
    reason: str  # why it is in this status: an error code, "cancelled by owner", ...
    lane: Lane
    place: Place
    template: str
    template_hash: str
    model: str
    options: Mapping[str, OptionValue]
    text: str
    count: int
    private: bool
    spoiler: bool
    quote: int  # mgs
    charged: int  # mgs; 0 until settled
    created_at: float
    started_at: float | None
    finished_at: float | None
    parent: PictureRef | None = None  # see Request
    screening: Screening = Screening.NONE
    flagged: str = ""  # see NewJob


@dataclass(frozen=True, kw_only=True)
class OutputFile:
    """A result as it came from an endpoint."""

    node_id: str
    kind: str  # ComfyUI's output key: images, gifs, audio, text, ...
    filename: str
    mime: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A result as it is kept: a blob and what it is."""

    blob: str
    filename: str
    kind: str
    mime: str
    size: int  # bytes
    width: int = 0  # pixels; 0 where it is no picture
    height: int = 0


@dataclass(frozen=True, kw_only=True)
class Task:
    """One picture of a job (or as many as its template declares): the unit of claim and of batching."""

    id: str
    job_id: str
    index: int
    seed: int
    status: TaskStatus
    needs: str
    cost: int  # mgs
    tries: int
    endpoint: str  # where it runs or ran; empty before
    seconds: float | None  # measured, on that endpoint
    error: str  # the code of the last error; empty if none
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try of a task on one endpoint; `prompt_id` is ours and stored before it is sent."""

    id: str
    task_id: str
    job_id: str
    endpoint: str
    prompt_id: str
    status: AttemptStatus
    number: int  # 1 for the first try
    graph: Graph
    inputs: tuple[GraphInput, ...]
    created_at: float
    cost: int = 0  # mgs, its task's quote
    kind: str = ""  # see BoundTask
    model: str = ""  # the checkpoint; empty if it needs none


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an endpoint made of an attempt."""

    files: tuple[OutputFile, ...]
    seconds: float  # from the start of execution to its end, as measured by the endpoint where it says so


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """What an endpoint has shown of a kind of work."""

    endpoint: str
    kind: str
    mgs_per_second: float  # quoted mgs done in a second of its time


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far an attempt is; transient, never stored."""

    prompt_id: str
    stage: str  # "queued", "loading", "sampling", "saving", "disk-full"
    step: int = 0
    steps: int = 0
    node: str = ""
    preview: bytes | None = field(default=None, repr=False)  # JPEG or PNG


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What is due to whom, and whether they have it."""

    id: str
    job_id: str
    place: Place
    status: DeliveryStatus
    message_id: str  # empty until the first message is posted
    tries: int
    due_at: float  # not before
    posted_at: float | None = None  # when the message was posted
    fallback: Place | None = None  # where it goes if `place` does not take it; None: to the person, where possible
    detour: str = ""  # the code of the error that sent it to `place`; empty where that was asked for
    repairs: int = 0  # how often it was made due again after its end
    nonce: str = ""  # of its next post; another one once a message was given up


@dataclass(frozen=True, kw_only=True)
class Balance:
    """A wallet, looked at: grants of the current period included."""

    available: int  # mgs: what a new hold can take
    held: int  # mgs in open holds
    grant: int  # mgs granted each period
    resets_at: float


@dataclass(frozen=True, kw_only=True)
class JobView:
    """A job as people see it: the row, its tasks, its place in the queue."""

    job: Job
    tasks: tuple[Task, ...]
    position: int = 0  # 1 is next; 0 when nothing of it waits
    queue_length: int = 0
    ahead: int = 0  # mgs of tasks that come before its first waiting one, the running ones included
    work_ahead: Mapping[str, int] = field(default_factory=dict)  # mgs before it that wait, by kind of work
    work_running: Mapping[str, int] = field(default_factory=dict)  # mgs that run now, by kind of work
    running: int = 0  # how many tasks, of all jobs, run now
    depth: int = 0  # mgs of virtual time until its turn in its lane
    people: int = 0  # how many have something waiting in its lane
    kind: str = ""  # its own kind of work; see BoundTask
    paused: bool = False  # the queue is
    eta: float | None = None  # seconds until its last picture

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All results, in the order of tasks."""
        return tuple(picture for task in self.tasks for picture in task.pictures)


@dataclass(frozen=True, kw_only=True)
class Quote:
    """What a request would cost and how long it would wait."""

    cost: int  # mgs
    jobs: int
    tasks: int
    eta: float | None  # seconds
