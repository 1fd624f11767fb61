"""Work spread over threads."""

import threading

import pytest

from recsys.threads import in_threads, in_threads_ahead


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


def test_work_ahead_is_bounded_and_in_order() -> None:
    started: list[int] = []

    def note(number: int) -> int:
        started.append(number)
        return -number

    results = in_threads_ahead(note, range(100), workers=2, ahead=4)
    assert [next(results) for _ in range(3)] == [0, -1, -2]
    assert max(started) <= 6  # those taken, and four after the last of them
    assert list(results) == [-number for number in range(3, 100)]
    assert sorted(started) == list(range(100))


def test_fewer_items_than_may_be_ahead_all_come() -> None:
    assert list(in_threads_ahead(abs, [-1, -2], workers=2, ahead=9)) == [1, 2]
    assert list(in_threads_ahead(abs, [], workers=2, ahead=9)) == []


def test_an_error_ahead_comes_at_its_turn_and_ends_the_work() -> None:
    started: list[int] = []

    def divide(number: int) -> float:
        started.append(number)
        return 6 / number

    results = in_threads_ahead(divide, [1, 0, *range(2, 1000)], workers=1, ahead=3)
    assert next(results) == 6
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert len(started) < 10
