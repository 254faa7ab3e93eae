"""Several threads, one network: batches of those who wait, trouble for whose it is alone."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from engine.sampler.models.sharing import Shared


class Network:
    """Doubles numbers; waits in its first call until it is let go, so that others gather."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.entered = threading.Event()
        self.gate = threading.Event()

    def __call__(self, items: Tensor) -> Tensor:
        """Compute; 13 is more than it can bear, and three at once are more than its memory holds."""
        self.sizes.append(len(items))
        self.entered.set()
        assert self.gate.wait(30)
        if bool((items == 13).any()):
            raise ArithmeticError("13")
        if len(items) >= 3 and bool((items == 99).any()):
            raise torch.OutOfMemoryError("no room")
        return items * 2


def asked_together(network: Network, items: list[Tensor], *, most: int = 8) -> list[Tensor | BaseException]:
    """Ask for the first item, and for all others while the network is busy with it."""
    shared = Shared(network, lock=threading.Lock(), most=lambda _: most)

    def ask(item: Tensor) -> Tensor | BaseException:
        try:
            return shared(item)
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(items)) as pool:
        first = pool.submit(ask, items[0])
        assert network.entered.wait(30)
        others = [pool.submit(ask, item) for item in items[1:]]
        while len(shared._waiting) < len(items) - 1:
            assert first.running()
        network.gate.set()
        return [future.result(30) for future in (first, *others)]


def numbers(*values: float, width: int = 2) -> list[Tensor]:
    """Give items that are told apart by their value."""
    return [torch.full((1, width), value) for value in values]


def test_who_waits_goes_together_and_gets_their_own() -> None:
    network = Network()
    results = asked_together(network, numbers(1, 2, 3, 4))
    assert [float(result[0, 0]) for result in results if isinstance(result, Tensor)] == [2, 4, 6, 8]
    assert network.sizes == [1, 3]


def test_other_shapes_and_too_many_wait_for_the_next_batch() -> None:
    network = Network()
    results = asked_together(network, [*numbers(1, 2, 3, 4), *numbers(5, width=3)], most=2)
    assert all(isinstance(result, Tensor) for result in results)
    assert sorted(network.sizes) == [1, 1, 1, 2]


@pytest.mark.parametrize(("bad", "error"), [(13.0, ArithmeticError), (99.0, None)])
def test_trouble_is_whose_it_is(bad: float, error: type[Exception] | None) -> None:
    network = Network()
    results = asked_together(network, numbers(1, 2, bad, 4))
    assert network.sizes == [1, 3, 1, 1, 1]
    assert isinstance(results[2], Tensor if error is None else error)
    assert all(isinstance(results[place], Tensor) for place in (0, 1, 3))
