"""Ratios are the right way round, and of medians; the worst of both widths is at the top."""

import numpy as np
import pytest
from benchmarks import bench_topk
from benchmarks.bench_topk import K, Vectors, summarise, worse


def test_ratios_are_of_median_seconds_theirs_by_ours() -> None:
    seconds = {
        "ours": [2.0, 1.0, 99.0],
        "ours_with_exclusions": [2.2, 2.2, 9.0],
        "ours_made_ready": [0.5, 0.5, 0.1],
        "faiss": [20.0, 20.0, 1.0],
        "faiss_made_ready": [2.5, 2.5, 0.1],
        "tensorflow": [8.0, 8.0, 8.0],
        "sgemm": [0.1, 0.1, 0.1],
    }
    assert summarise(seconds, customers=1000, dim=64) == {
        "ratio_to_faiss": 10.0,
        "ratio_to_faiss_all_told": 9.0,
        "ratio_to_faiss_fastest": 1.0,
        "ratio_to_tensorflow": 4.0,
        # 1000 x 105,542 x 64 in 2 s, of 2,048 ** 3 in 0.1 s
        "share_of_gemm": pytest.approx(0.04),
        "slower_with_exclusions": 0.1,
        "customers_per_second": 500,
    }


def test_the_worse_is_less_of_a_ratio_and_more_of_memory_and_time() -> None:
    one = {"ratio_to_faiss": 5.0, "slower_with_exclusions": 0.2, "peak_gib": 0.5, "recall": 1.0}
    other = {"ratio_to_faiss": 7.0, "slower_with_exclusions": 0.1, "peak_gib": 0.7, "recall": 0.9}
    expected = {
        "ratio_to_faiss": 5.0,
        "slower_with_exclusions": 0.2,
        "peak_gib": 0.7,
        "recall": 0.9,
    }
    assert worse([one, other]) == expected


def test_vectors_are_unit_and_the_best_are_excluded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_topk, "ARTICLES", 3000)
    vectors = Vectors(20, 32)
    for rows in (vectors.articles, vectors.customers):
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-6)
    assert vectors.excluded.lengths.tolist() == [500] * 20
    assert vectors.recall() == 1.0
    before, after = vectors.ours()[0], vectors.ours(vectors.excluded)[0]
    assert before.shape == after.shape == (20, K)
    assert not any(np.intersect1d(*rows).size for rows in zip(before, after, strict=True))


def test_recall_counts_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_topk, "ARTICLES", 3000)
    vectors = Vectors(20, 32)
    keys, scores = vectors.ours()
    keys[:, :25] = keys[:, 50:75]
    monkeypatch.setattr(vectors, "ours", lambda: (keys, scores))
    assert vectors.recall() == pytest.approx(0.75)
