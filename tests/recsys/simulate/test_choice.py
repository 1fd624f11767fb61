import numpy as np

from recsys.simulate.choice import Memory


def test_memory_recalls_what_was_remembered():
    memory = Memory.empty(3)
    memory.remember(np.array([0, 2, 0]), np.array([10, 20, 11]))
    product = np.arange(100) // 2  # articles 10 and 11 are colours of product 5
    known = memory.knows(product, np.array([0, 1, 2]), np.array([[10, 12], [10, 20], [21, 22]]))
    assert known.tolist() == [[True, False], [False, False], [True, False]]


def test_memory_forgets_the_oldest_first():
    memory = Memory.empty(1)
    slots = memory.articles.shape[1]
    memory.remember(np.zeros(slots + 1, dtype=int), np.arange(slots + 1))
    assert sorted(memory.articles[0].tolist()) == list(range(1, slots + 1))


def test_memory_of_many_customers_is_bounded():
    assert Memory.empty(10).articles.shape == (10, 256)
    assert Memory.empty(1_000_000).articles.shape == (1_000_000, 32)
