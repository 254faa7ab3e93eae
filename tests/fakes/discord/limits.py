"""Rate limits with Discord's headers: a bucket per route and major parameter, one for all, and what is counted against
a ban for invalid requests.

Figures of buckets are those that the API was seen to send; Discord publishes none, and a client must take them from the
headers. Seconds are real ones, whatever the server's clock says.
"""

import hashlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.fakes.discord.calls import Call

INVALID_STATUSES = {401, 403, 429}
INVALID_WINDOW = 600.0  # seconds
INVALID_BAN = 10_000  # so many in the window and Discord's edge bans the address


@dataclass(frozen=True, kw_only=True)
class Rule:
    """So many calls in so many seconds, from the first of them on."""

    limit: int
    seconds: float


@dataclass(eq=False, kw_only=True)
class Bucket:
    """How much of a rule is left."""

    rule: Rule
    hash: str
    used: int = 0
    resets: float = 0.0  # by time.monotonic()


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a call may pass, and the headers of its answer."""

    passes: bool
    headers: dict[str, str] = field(default_factory=dict)
    retry_after: float = 0.0
    is_global: bool = False
    scope: str = ""


DEFAULT_RULE = Rule(limit=50, seconds=1.0)
RULES: dict[tuple[str, str], Rule] = {
    ("POST", "/channels/{channel_id}/messages"): Rule(limit=5, seconds=5.0),
    ("PATCH", "/channels/{channel_id}/messages/{message_id}"): Rule(limit=5, seconds=5.0),
    ("DELETE", "/channels/{channel_id}/messages/{message_id}"): Rule(limit=5, seconds=1.0),
    ("GET", "/channels/{channel_id}/messages/{message_id}"): Rule(limit=30, seconds=5.0),
    ("GET", "/channels/{channel_id}/messages"): Rule(limit=5, seconds=5.0),
    ("POST", "/channels/{channel_id}/typing"): Rule(limit=5, seconds=5.0),
    ("PUT", "/channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me"): Rule(limit=1, seconds=0.25),
    ("POST", "/users/@me/channels"): Rule(limit=10, seconds=10.0),
    ("PUT", "/applications/{application_id}/commands"): Rule(limit=5, seconds=20.0),
    ("POST", "/applications/{application_id}/commands"): Rule(limit=5, seconds=20.0),
    ("PUT", "/applications/{application_id}/guilds/{guild_id}/commands"): Rule(limit=5, seconds=20.0),
    ("POST", "/webhooks/{webhook_id}/{webhook_token}"): Rule(limit=5, seconds=2.0),
    ("PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/@original"): Rule(limit=5, seconds=2.0),
    ("GET", "/webhooks/{webhook_id}/{webhook_token}/messages/@original"): Rule(limit=5, seconds=2.0),
    ("PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}"): Rule(limit=5, seconds=2.0),
    ("DELETE", "/webhooks/{webhook_id}/{webhook_token}/messages/@original"): Rule(limit=5, seconds=2.0),
    ("DELETE", "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}"): Rule(limit=5, seconds=2.0),
}
UNLIMITED = {"/interactions/{interaction_id}/{interaction_token}/callback", "/gateway"}
MAJOR = ("channel_id", "guild_id", "webhook_id", "webhook_token")


class Limits:
    """Counts calls and says which are too many."""

    def __init__(self) -> None:
        self.rules = dict(RULES)  # tests may change them
        self.default = DEFAULT_RULE
        self.enabled = True
        self.global_rule = Rule(limit=50, seconds=1.0)
        self.overruns: list[Call] = []  # calls over a bucket, or over the limit for all
        self.time: Callable[[], float] = time.monotonic
        self._buckets: dict[str, Bucket] = {}
        self._recent: deque[float] = deque()
        self._invalid: deque[float] = deque()

    @property
    def invalid(self) -> int:
        """How many answers of the last ten minutes count against the 10,000."""
        return self._count(self._invalid, INVALID_WINDOW)

    def answered(self, status: int, *, shared: bool = False) -> None:
        """Count an answer; a 429 of a shared limit is nobody's fault."""
        if status in INVALID_STATUSES and not shared:
            self._invalid.append(self.time())

    def take(self, call: Call) -> Verdict:
        """One call: out of the limit for all first, then out of its bucket."""
        if not self.enabled or call.route in UNLIMITED:
            return Verdict(passes=True)
        if call.authorised and not call.route.startswith("/webhooks"):
            if self._count(self._recent, self.global_rule.seconds) >= self.global_rule.limit:
                wait = self._recent[0] + self.global_rule.seconds - self.time()
                self.overruns.append(call)
                headers = {"X-RateLimit-Global": "true", "X-RateLimit-Scope": "global"}
                return Verdict(passes=False, headers=headers, retry_after=wait, is_global=True, scope="global")
            self._recent.append(self.time())
        return self._take_of_bucket(call)

    def bucket(self, call: Call) -> Bucket:
        """The bucket that the call falls into."""
        rule = self.rules.get((call.method, call.route), self.default)
        named = f"{call.method}:{call.route}"
        key = named + ":" + ":".join(call.params.get(major, "") for major in MAJOR)
        made = hashlib.md5(named.encode(), usedforsecurity=False).hexdigest()
        bucket = self._buckets.setdefault(key, Bucket(rule=rule, hash=made))
        bucket.rule = rule
        return bucket

    def _take_of_bucket(self, call: Call) -> Verdict:
        bucket, now = self.bucket(call), self.time()
        if now >= bucket.resets:
            bucket.used, bucket.resets = 0, now + bucket.rule.seconds
        passes = bucket.used < bucket.rule.limit
        bucket.used += passes
        left = bucket.resets - now
        headers = {
            "X-RateLimit-Limit": str(bucket.rule.limit),
            "X-RateLimit-Remaining": str(bucket.rule.limit - bucket.used),
            "X-RateLimit-Reset": f"{time.time() + left:.3f}",
            "X-RateLimit-Reset-After": f"{left:.3f}",
            "X-RateLimit-Bucket": bucket.hash,
        }
        if passes:
            return Verdict(passes=True, headers=headers)
        self.overruns.append(call)
        return Verdict(passes=False, headers=headers | {"X-RateLimit-Scope": "user"}, retry_after=left, scope="user")

    def _count(self, times: deque[float], window: float) -> int:
        while times and times[0] <= self.time() - window:
            times.popleft()
        return len(times)
