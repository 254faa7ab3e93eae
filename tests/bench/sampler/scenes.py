"""The things that are measured; each gives lines of the report."""

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from statistics import median, quantiles

import torch

from tests.bench.sampler.measure import interleaved, seconds_of
from tests.bench.sampler.stands import Job, Stand

Line = tuple[str, str, str]
"""What, its ratio, its figures."""

PEOPLE = 8
_FAR = 10_000  # between the numbers of scenes, so that no prompt comes twice
_JOINERS = 150
_RESIDENTS = 3


def alone(stand: Stand, job: Job, *, pairs: int) -> Iterator[Line]:
    """Our sampler with nobody else, beside the plain loop: seconds a picture."""
    stand.plainly(job, 0)
    stand.ours(job, 0)
    found = interleaved(lambda n: stand.ours(job, n), lambda n: stand.plainly(job, n), pairs=pairs)
    what = f"{_named(stand, job)}: a picture by our sampler alone, to the plain diffusers loop"
    yield (
        what,
        f"{found.median:.2f}",
        f"{found.first:.2f} s to {found.second:.2f} s, {found.spread()}, CPU time {found.cpu:.2f}",
    )


def together(stand: Stand, job: Job, *, pairs: int) -> Iterator[Line]:
    """Several people at once, beside the same people one after another: pictures a minute."""

    def numbers(pair: int) -> range:
        return range(_FAR + pair * PEOPLE, _FAR + (pair + 1) * PEOPLE)

    def in_turn(pair: int) -> None:
        for number in numbers(pair):
            stand.ours(job, number)

    stand.together(job, numbers(0))
    stand.model.forget()
    found = interleaved(in_turn, lambda pair: stand.together(job, numbers(pair)), pairs=pairs)
    what = f"{_named(stand, job)}: pictures a minute of {PEOPLE} people at once, to one after another"
    minute = [60 * PEOPLE / seconds for seconds in (found.second, found.first)]
    figures = f"{minute[0]:.1f} to {minute[1]:.1f} a minute, {found.spread()}, CPU time {found.cpu:.2f}"
    yield what, f"{found.median:.2f}", figures


def joining(stand: Stand, job: Job) -> Iterator[Line]:
    """How long somebody waits whose picture goes with those that are being drawn, in steps of the busy batch."""
    long = replace(job, steps=job.steps * 50)
    words, nothing = stand.encode("a house"), stand.encode("")
    over = threading.Event()

    def stop() -> None:
        if over.is_set():
            raise InterruptedError

    def resident(number: int) -> None:
        while not over.is_set():
            try:
                stand.batcher.sample(stand.task(long, number, (words,), (nothing,)), check_interrupted=stop)
            except InterruptedError:
                return

    residents = [threading.Thread(target=resident, args=(number,)) for number in range(_RESIDENTS)]
    for thread in residents:
        thread.start()
    time.sleep(1.0)
    stand.model.forget()
    joins = [_join(stand, replace(job, steps=2), number) for number in range(_JOINERS)]
    over.set()
    for thread in residents:
        thread.join()
    step = median(end - begin for begin, end, _ in stand.model.passes)
    p99 = quantiles((join.steps for join in joins), n=100)[98]
    waits = [join.seconds for join in joins]
    figures = (
        f"median {median(join.steps for join in joins):.2f}, most {max(join.steps for join in joins):.2f}, "
        f"{len(joins)} joins at random moments; median {median(waits) * 1000:.0f} ms, p99 "
        f"{quantiles(waits, n=100)[98] * 1000:.0f} ms, where a step takes {step * 1000:.0f} ms in the median"
    )
    yield f"{_named(stand, job)}: wait to join a running batch, in its steps, p99", f"{p99:.2f}", figures


def alternating(first: Stand, second: Stand, job: Job, *, pairs: int) -> Iterator[Line]:
    """Two checkpoints in turns, both in memory, beside one: pictures a minute."""

    def one(pair: int) -> None:
        for number in range(4):
            first.ours(job, 2 * _FAR + 4 * pair + number)

    def both(pair: int) -> None:
        for number in range(4):
            (first, second)[number % 2].ours(job, 3 * _FAR + 4 * pair + number)

    both(0)
    found = interleaved(one, both, pairs=pairs)
    what = f"{_named(first, job)}: pictures a minute with two checkpoints in turns, to one checkpoint"
    yield what, f"{found.median:.2f}", f"{240 / found.second:.1f} to {240 / found.first:.1f} a minute, {found.spread()}"


def company(stand: Stand, job: Job) -> Iterator[Line]:
    """How far a picture in company is from the same one drawn alone, in 8-bit channels."""
    alone = stand.ours(job, 4 * _FAR)
    numbers = range(4 * _FAR, 4 * _FAR + PEOPLE)
    with ThreadPoolExecutor(PEOPLE) as pool:
        ours = next(iter(list(pool.map(lambda number: stand.ours(job, number), numbers))))
    off = (alone * 255).round() - (ours * 255).round()
    figures = f"mean {off.abs().mean():.4f}, {(off != 0).float().mean():.2%} of all channels differ"
    what = f"{_named(stand, job)}: a picture among {PEOPLE} people's and the same alone differ at most by, of 255"
    yield what, f"{off.abs().max():.0f}", figures


def crowd(stand: Stand, job: Job, people: int, *, rounds: int) -> Iterator[Line]:
    """Many people on a GPU: pictures a minute, rows of a pass, how busy the device is."""
    plain = min(seconds_of(lambda n: stand.plainly(job, n), number) for number in range(3))
    stand.together(job, range(people))
    stand.model.forget()
    begun = time.perf_counter()
    for number in range(rounds):
        stand.together(job, range(_FAR + number * people, _FAR + (number + 1) * people))
    seconds = time.perf_counter() - begun
    rate = 60 * people * rounds / seconds
    rows = [size for _, _, size in stand.model.passes]
    busy = stand.model.gpu_seconds() / seconds
    figures = (
        f"{rate:.1f} to {60 / plain:.1f} pictures a minute, {sum(rows) / len(rows):.1f} rows a pass (at most "
        f"{max(rows)}), the UNet has the GPU for {busy:.0%} of the time"
    )
    yield f"{_named(stand, job)}, fp16: {people} people at once, to the plain loop", f"{rate * plain / 60:.2f}", figures


def shortage(stand: Stand, job: Job, people: int, *, gib: float) -> Iterator[Line]:
    """Many people on a GPU of which torch may have so much beside what is allocated already: who gets a picture."""
    torch.cuda.empty_cache()
    allowed = torch.cuda.memory_allocated() + gib * 2**30
    torch.cuda.set_per_process_memory_fraction(allowed / torch.cuda.mem_get_info()[1])
    stand.model.forget()
    begun = time.perf_counter()
    try:
        with ThreadPoolExecutor(people) as pool:
            drawn = list(pool.map(lambda number: _is_drawn(stand, job, 5 * _FAR + number), range(people)))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    rows = [size for _, _, size in stand.model.passes]
    what = f"{_named(stand, job)}, fp16: pictures for {people} people at once with {gib:g} GiB beside the weights"
    figures = f"in {time.perf_counter() - begun:.1f} s, at most {max(rows, default=0)} rows a pass"
    yield what, f"{sum(drawn)} of {people}", figures


def _is_drawn(stand: Stand, job: Job, number: int) -> bool:
    try:
        stand.ours(job, number)
    except torch.OutOfMemoryError:
        return False
    return True


@dataclass(frozen=True, kw_only=True)
class _Join:
    """How long somebody waited until the first pass that they were in."""

    seconds: float
    steps: float  # what was left of the pass that ran, and the passes that began in between


def _join(stand: Stand, job: Job, number: int) -> _Join:
    """Let somebody join at a random moment."""
    time.sleep(random.random() * 0.2)
    words, nothing = stand.encode(f"{number} boats"), stand.encode("")
    asked = time.perf_counter()
    stand.batcher.sample(stand.task(job, number, (words,), (nothing,)))
    passes = list(stand.model.passes)
    since = [(begin, rows) for begin, _, rows in passes if begin >= asked]
    company = 2 * _RESIDENTS  # rows, if nobody had joined
    place = next(place for place, (_, rows) in enumerate(since) if rows > company)
    left = max(((end - asked) / (end - begin) for begin, end, _ in passes if begin < asked < end), default=0.0)
    return _Join(seconds=since[place][0] - asked, steps=left + place)


def _named(stand: Stand, job: Job) -> str:
    return f"{stand.name} {job.width}x{job.height}, {job.steps} steps"
