"""The error tree: what can go wrong, as types that every room understands.

AtelierError
├── UserError            the request itself is wrong; answered to that person alone
│   ├── EmptyPrompt · UnknownFlag · BadValue · GivenTwice · UnexpectedWords · UnknownChoice · UnknownTemplate
│   ├── UnsupportedOption · MissingInput · ImageRejected · UnknownCommand · UnknownJob · UnknownPerson · TooManyJobs
│   ├── PictureUnavailable · UnknownPicture · PictureUnfit
│   └── BackupBroken
├── Refusal              the request is fine, but not now or not for this person
│   ├── AccessDenied · Banned · Forbidden · InsufficientCredits · AllowanceUsed
│   ├── QueueFull · NothingCanRun · JobStarted · Unsafe · WouldOverwrite
│   └── NoConversation · LinkRefused
├── EndpointError        an attempt on an endpoint failed; `retryable` says whether another try can help
│   ├── EndpointLost · EndpointBusy · EndpointFull · OutOfMemory · GraphRejected · ExecutionFailed · Interrupted
│   └── AttemptUnknown · AttemptTimeout · OutputMissing
├── StorageError         disk and database
│   ├── DiskFull · ServiceRunning · DatabaseBroken · BlobMissing
├── DeliveryError        a platform did not take a message
│   ├── ChatGone · NotPermitted · RecipientBlocked · MessageGone · MessageTooLarge
│   └── FloodWait · DeliveryDelayed · DeliveryUnanswered · DeliveryExpired
└── StartError           the process cannot start as configured
    └── PortInUse · SamplerFailed · TemplateBroken

Every leaf has a `code`; what people read is the Fluent message `error-CODE` with the error's `fields` as variables, in
every language (a test holds that). `str(error)` is for logs: it never carries a prompt.
"""

from engine.errors_base import AtelierError, Field
from engine.errors_work import (
    AttemptTimeout,
    AttemptUnknown,
    ChatGone,
    DeliveryDelayed,
    DeliveryError,
    DeliveryExpired,
    DeliveryUnanswered,
    EndpointBusy,
    EndpointError,
    EndpointFull,
    EndpointLost,
    ExecutionFailed,
    FloodWait,
    GraphRejected,
    Interrupted,
    MessageGone,
    MessageTooLarge,
    NotPermitted,
    OutOfMemory,
    OutputMissing,
    RecipientBlocked,
)

__all__ = [
    "AccessDenied",
    "AllowanceUsed",
    "AtelierError",
    "AttemptTimeout",
    "AttemptUnknown",
    "BackupBroken",
    "BadValue",
    "Banned",
    "BlobMissing",
    "ChatGone",
    "DatabaseBroken",
    "DeliveryDelayed",
    "DeliveryError",
    "DeliveryExpired",
    "DeliveryUnanswered",
    "DiskFull",
    "EmptyPrompt",
    "EndpointBusy",
    "EndpointError",
    "EndpointFull",
    "EndpointLost",
    "ExecutionFailed",
    "Field",
    "FloodWait",
    "Forbidden",
    "GivenTwice",
    "GraphRejected",
    "ImageRejected",
    "InsufficientCredits",
    "Interrupted",
    "JobStarted",
    "LinkRefused",
    "MessageGone",
    "MessageTooLarge",
    "MissingInput",
    "NoConversation",
    "NotPermitted",
    "NothingCanRun",
    "OutOfMemory",
    "OutputMissing",
    "PictureUnavailable",
    "PictureUnfit",
    "PortInUse",
    "QueueFull",
    "RecipientBlocked",
    "Refusal",
    "SamplerFailed",
    "ServiceRunning",
    "StartError",
    "StorageError",
    "TemplateBroken",
    "TooManyJobs",
    "UnexpectedWords",
    "UnknownChoice",
    "UnknownCommand",
    "UnknownFlag",
    "UnknownJob",
    "UnknownPerson",
    "UnknownPicture",
    "UnknownTemplate",
    "Unsafe",
    "UnsupportedOption",
    "UserError",
    "WouldOverwrite",
]


class UserError(AtelierError):
    """The request itself is wrong; the text names the field, the range and the nearest right value."""

    code = "bad-request"


class EmptyPrompt(UserError):
    """No words to draw."""

    code = "empty-prompt"


class UnknownFlag(UserError):
    """Fields: flag, nearest."""

    code = "unknown-flag"


class BadValue(UserError):
    """Fields: flag, value, expected (a range or a form), nearest."""

    code = "bad-value"


class GivenTwice(UserError):
    """Two flags of which one is meant, or one flag twice. Fields: flag, other (the first of them; may be the same)."""

    code = "given-twice"


class UnexpectedWords(UserError):
    """Words after a flag that takes one value. Fields: flag, words."""

    code = "unexpected-words"


class UnknownChoice(UserError):
    """A model, sampler, ... that no endpoint has. Fields: flag, value, nearest."""

    code = "unknown-choice"


class UnknownTemplate(UserError):
    """Fields: value, nearest."""

    code = "unknown-template"


class UnsupportedOption(UserError):
    """The template has no such slot. Fields: flag, template, options (what it takes)."""

    code = "unsupported-option"


class MissingInput(UserError):
    """A required slot was left empty. Fields: flag, template."""

    code = "missing-input"


class ImageRejected(UserError):
    """Fields: name, reason (bytes, side, pixels, format, broken, unreadable), limit, size (where it is known)."""

    code = "image-rejected"


class UnknownCommand(UserError):
    """Fields: value, nearest."""

    code = "unknown-command"


class UnknownJob(UserError):
    """No such job, or not one that this person may see. Fields: value."""

    code = "unknown-job"


class UnknownPerson(UserError):
    """Nobody known here by that id, or somebody who was forgotten. Fields: value."""

    code = "unknown-person"


class TooManyJobs(UserError):
    """An expansion makes more jobs than allowed. Fields: count, limit."""

    code = "too-many-jobs"


class PictureUnavailable(UserError):
    """A job whose pictures cannot be used. Fields: value, why (running, none, deleted, withheld, old)."""

    code = "picture-unavailable"


class UnknownPicture(UserError):
    """A job has no such picture. Fields: value (the job), number, count (how many it has)."""

    code = "unknown-picture"


class PictureUnfit(UserError):
    """A picture cannot be changed like that. Fields: reason (pixels, ratio, square, kind), size, limit."""

    code = "picture-unfit"


class BackupBroken(UserError):
    """A file is no backup, or a damaged one. Fields: path, reason."""

    code = "backup-broken"


class Refusal(AtelierError):
    """The request is fine, but not now or not for this person; says limit, use, reset and alternative."""

    code = "refused"


class AccessDenied(Refusal):
    """A person, chat or channel is not served. Fields: id (for the allowlist), channels (the ones that are)."""

    code = "access-denied"


class Unsafe(Refusal):
    """What is asked for, or what was made of it, is not shown here. Fields: category, rule (never the words)."""

    code = "unsafe"


class Banned(Refusal):
    """Fields: reason, seconds (until it ends; empty: until it is lifted), everywhere (yes or no)."""

    code = "banned"


class Forbidden(Refusal):
    """The action is for the owner, a moderator or an operator. Fields: action."""

    code = "forbidden"


class InsufficientCredits(Refusal):
    """Fields: cost, available (credits, decimal), resets (seconds until the next grant), payer (person, community)."""

    code = "insufficient-credits"


class AllowanceUsed(Refusal):
    """The community pays, and the person has had their share. Fields: cost, used, limit (credits), resets (seconds)."""

    code = "allowance-used"


class QueueFull(Refusal):
    """Fields: limit, queued, and scope where the limit is a community's: here (one's own there), together."""

    code = "queue-full"


class NothingCanRun(Refusal):
    """No endpoint can run the graph. Fields: missing, nearest."""

    code = "nothing-can-run"


class JobStarted(Refusal):
    """The job runs or has ended, so that it cannot be changed any more. Fields: value."""

    code = "job-started"


class WouldOverwrite(Refusal):
    """There is something already where something is to be written. Fields: path."""

    code = "would-overwrite"


class NoConversation(Refusal):
    """A private result has nowhere to go: the person can be reached in no conversation of their own.

    Fields: busy (yes where the platform was too busy to say; else it is not there).
    """

    code = "no-conversation"


class LinkRefused(Refusal):
    """Accounts are not joined, or parted. Fields: reason (unknown, tries, own, platform, busy, alone), limit."""

    code = "link-refused"


class StorageError(AtelierError):
    """Disk or database."""

    code = "storage-error"


class DiskFull(StorageError):
    """No space left for a picture or a row; work waits."""

    code = "disk-full"
    retryable = True


class ServiceRunning(StorageError):
    """Another service process holds the database. Fields: path."""

    code = "service-running"


class DatabaseBroken(StorageError):
    """The database cannot be opened, read or migrated. Fields: path, reason."""

    code = "database-broken"


class BlobMissing(StorageError):
    """A stored file is not there any more."""

    code = "blob-missing"


class StartError(AtelierError):
    """The process cannot start as configured."""

    code = "start-error"


class PortInUse(StartError):
    """Fields: host, port, setting."""

    code = "port-in-use"


class SamplerFailed(StartError):
    """The sampler child did not come up. Fields: reason."""

    code = "sampler-failed"


class TemplateBroken(StartError):
    """A folder of templates holds one that cannot work. Fields: file, reason (one line for each problem)."""

    code = "template-broken"
