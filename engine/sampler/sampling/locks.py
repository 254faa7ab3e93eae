"""Who may use a device's memory when there is too little of it."""

import threading
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, eq=False)
class DeviceLocks:
    """A device's two kinds of work: the denoiser's passes, and the rest (words and autoencoders).

    Each holds its lock while it works, so that both go on side by side. A pass or an autoencoder that lacks memory for
    even the least of its work tries once more with both, alone on the device; `passes` is taken before `rest`.
    """

    passes: threading.Lock = field(default_factory=threading.Lock)
    rest: threading.Lock = field(default_factory=threading.Lock)
