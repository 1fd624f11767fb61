"""Work spread over threads."""

import threading

import pytest

from recsys.threads import in_threads


def test_results_come_in_the_order_of_the_items() -> None:
    second_done = threading.Event()

    def square(number: int) -> int:
        if number == 1:
            second_done.wait(timeout=5)
        if number == 2:
            second_done.set()
        return number * number

    assert list(in_threads(square, [1, 2, 3])) == [1, 4, 9]


def test_an_error_comes_at_its_turn() -> None:
    results = in_threads(lambda number: 6 // number, [1, 0, 2])
    assert next(results) == 6
    with pytest.raises(ZeroDivisionError):
        next(results)
