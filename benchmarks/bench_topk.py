"""How fast the exact best articles are found, beside faiss and TensorFlow.

Usage: python -m benchmarks.bench_topk [--customers 20480] [--rounds 5]

For each of 64 and 32 dims: 105,542 articles, a sample of customers, the 100 best of each. Vectors
are like those of towers: of length 1, articles in 400 kinds whose sizes fall as 1 / rank, customers
near the mean of one to five articles drawn by popularity, which falls as 1 / rank too.

Each round runs every way once, one after the other, and the medians of all rounds are compared.
Between two there is a pause, as threads of one may go on asking for work for a while, on the cores
that the next one is timed on (OpenBLAS's do):

- `ours`: `Nearest.top_k` with all articles allowed, of articles that are ready, as a night makes
  them once for a shard of customers;
- `ours_with_exclusions`: 500 excluded articles a customer, the 100 best of `ours` among them, the
  others drawn by popularity;
- `ours_made_ready`: `Nearest`, of the articles as they are;
- `faiss`: `IndexFlatIP.search` with 2 threads, of an index that is there already;
- `faiss_made_ready`: such an index, and `add`;
- `tensorflow`: `tf.linalg.matmul` and `tf.math.top_k`, compiled as a function, with 2 threads;
- `sgemm`: NumPy's product of two matrices of 2,048 x 2,048, the machine's own rate.

Both peers get the batch that is fastest in a first trial. Writes `results/topk.json`: for each dim,
and at the top the worse of the two,

- `ratio_to_faiss`, `ratio_to_tensorflow`: their seconds by ours;
- `ratio_to_faiss_all_told`: the same with what makes the articles ready, on both sides;
- `ratio_to_faiss_fastest`: of the fastest round of each, not the medians;
- `share_of_gemm`: multiplications a second of `ours`, all customers by all articles, by sgemm's; it
  may be above 1, as ours are of bytes where the processor multiplies vectors of these;
- `recall`: of the 100 best by float64 scores, sorted; what ties with the 100th in float32 counts;
- `slower_with_exclusions`: a share of the seconds without;
- `peak_gib` of a process that holds the vectors and runs `ours_with_exclusions`.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from benchmarks.measure import GIB, REPOSITORY, measure, write_result
from recsys.inference.ragged import Ragged
from recsys.inference.topk import Nearest

ARTICLES, KINDS, K, EXCLUDED, THREADS = 105_542, 400, 100, 500, 2
DIMS = (64, 32)
FAISS_BATCHES, TENSORFLOW_BATCHES = (256, 1024, 4096), (16, 64, 256)
SIDE = 2048
#: Seconds between two ways.
PAUSE = 0.2
#: Customers whose lists are compared with sorting float64 scores.
CHECKED = 512


class Vectors:
    """Vectors [n, dim] of articles and customers, and what each customer must not get."""

    def __init__(self, customers: int, dim: int) -> None:
        rng = np.random.default_rng(dim)
        centres = rng.standard_normal((KINDS, dim))
        kinds = rng.choice(KINDS, ARTICLES, p=_falling(KINDS))
        noise = rng.standard_normal((ARTICLES, dim))
        self.articles = _unit(centres[kinds] + 0.6 * noise)
        popular = rng.permutation(ARTICLES)
        drawn = popular[rng.choice(ARTICLES, (customers, 5), p=_falling(ARTICLES))]
        counted = np.arange(5) < rng.integers(1, 6, (customers, 1))
        means = np.einsum("ni,nid->nd", counted, self.articles[drawn]) / counted.sum(1)[:, None]
        self.customers = _unit(means + 0.3 * rng.standard_normal((customers, dim)) / dim**0.5)
        self.nearest = self.made_ready()
        drawn = rng.choice(ARTICLES, (customers, EXCLUDED - K), p=_falling(ARTICLES))
        keys = np.concatenate([self.ours()[0], popular[drawn]], axis=1)
        self.excluded = Ragged.group(
            np.repeat(np.arange(customers), EXCLUDED), keys.ravel(), count=customers
        )

    def made_ready(self) -> Nearest:
        """Return the articles as searches want them."""
        return Nearest(self.articles, allowed=np.ones(ARTICLES, bool))

    def ours(self, excluded: Ragged | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return keys and scores, [customers, K]."""
        return self.nearest.top_k(self.customers, K, excluded=excluded)

    def recall(self) -> float:
        """Return the share of the K best by float64 scores that are found."""
        found, shares = self.ours()[0][:CHECKED], []
        for customer, keys in zip(self.customers, found, strict=False):
            scores = (self.articles.astype(np.float64) @ customer).astype(np.float32)
            last = np.partition(scores, -K)[-K]
            shares.append(np.mean(scores[np.unique(keys)] >= last) * len(np.unique(keys)) / K)
        return float(np.mean(shares))


def ways(vectors: Vectors) -> dict[str, Callable[[], Any]]:
    """Return what a round runs, by name."""
    square = np.random.default_rng(0).standard_normal((SIDE, SIDE), np.float32)
    return {
        "ours": vectors.ours,
        "ours_with_exclusions": lambda: vectors.ours(vectors.excluded),
        "ours_made_ready": vectors.made_ready,
        "faiss": _fastest(_faiss(vectors), FAISS_BATCHES, vectors.customers),
        "faiss_made_ready": lambda: _faiss(vectors),
        "tensorflow": _fastest(_tensorflow(vectors), TENSORFLOW_BATCHES, vectors.customers),
        "sgemm": lambda: square @ square,
    }


def summarise(seconds: dict[str, list[float]], *, customers: int, dim: int) -> dict[str, float]:
    """Return the ratios of median seconds; see the module's docstring."""
    median = {name: statistics.median(rounds) for name, rounds in seconds.items()}
    products = customers * ARTICLES * dim / median["ours"]
    told = {name: median[name] + median[f"{name}_made_ready"] for name in ("ours", "faiss")}
    return {
        "ratio_to_faiss": round(median["faiss"] / median["ours"], 2),
        "ratio_to_faiss_all_told": round(told["faiss"] / told["ours"], 2),
        "ratio_to_faiss_fastest": round(min(seconds["faiss"]) / min(seconds["ours"]), 2),
        "ratio_to_tensorflow": round(median["tensorflow"] / median["ours"], 2),
        "share_of_gemm": round(products / (SIDE**3 / median["sgemm"]), 2),
        "slower_with_exclusions": round(median["ours_with_exclusions"] / median["ours"] - 1, 3),
        "customers_per_second": round(customers / median["ours"]),
    }


def worse(results: Iterable[dict[str, float]]) -> dict[str, float]:
    """Return the worst of each figure."""
    most = ("slower_with_exclusions", "peak_gib")
    results = list(results)
    return {
        name: (max if name in most else min)(result[name] for result in results)
        for name in results[0]
    }


def main(argv: list[str] | None = None) -> int:
    """Run all rounds, print and write the result."""
    parser = argparse.ArgumentParser(
        prog="bench_topk",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--customers", type=int, default=20_480)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", type=int, metavar="DIM", help="run ours once, and no more")
    args = parser.parse_args(argv)
    if args.memory:
        vectors = Vectors(args.customers, args.memory)
        vectors.ours(vectors.excluded)
        return 0
    found = {f"dim_{dim}": _measured(dim, args.customers, args.rounds) for dim in DIMS}
    result = worse(result for result, _ in found.values())
    raw = {name: {**one, **more} for name, (one, more) in found.items()}
    command = f"python -m benchmarks.bench_topk --customers {args.customers} --rounds {args.rounds}"
    load = {"load_average": os.getloadavg()}
    sys.stdout.write(json.dumps({**result, **raw}, indent=2) + "\n")
    write_result("topk", {**result, **raw, **load}, command=command)
    return 0


def _measured(dim: int, customers: int, rounds: int) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the figures of one width, and the raw seconds."""
    command = ["-m", "benchmarks.bench_topk", "--memory", str(dim), "--customers", str(customers)]
    path = f"{REPOSITORY / 'include'}:{REPOSITORY}"
    peak = measure([sys.executable, *command], env={"PYTHONPATH": path}).peak_bytes
    vectors = Vectors(customers, dim)
    run = ways(vectors)
    seconds: dict[str, list[float]] = {name: [] for name in run}
    for _ in range(rounds):
        for name, way in run.items():
            seconds[name].append(round(_seconds(way), 4))
    figures = summarise(seconds, customers=customers, dim=dim)
    more = {"recall": round(vectors.recall(), 6), "peak_gib": round(peak / GIB, 2)}
    return {**figures, **more}, {"seconds": seconds}


def _faiss(vectors: Vectors) -> Callable[[np.ndarray], Any]:
    import faiss  # beside the other peer: only where it is measured

    faiss.omp_set_num_threads(THREADS)
    index = faiss.IndexFlatIP(vectors.articles.shape[1])
    index.add(vectors.articles)
    return lambda batch: index.search(batch, K)


def _tensorflow(vectors: Vectors) -> Callable[[np.ndarray], Any]:
    import tensorflow as tf

    if tf.config.threading.get_intra_op_parallelism_threads() != THREADS:
        tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    articles = tf.constant(vectors.articles)

    @tf.function
    def search(batch: Any) -> Any:
        return tf.math.top_k(tf.linalg.matmul(batch, articles, transpose_b=True), K)

    return lambda batch: search(tf.constant(batch))[1].numpy()


def _fastest(
    search: Callable[[np.ndarray], Any], batches: tuple[int, ...], customers: np.ndarray
) -> Callable[[], Any]:
    """Return a search of all customers by the batch that is fastest for a few thousand."""

    def run(rows: np.ndarray, batch: int) -> None:
        for first in range(0, len(rows), batch):
            search(rows[first : first + batch])

    some = customers[: max(batches)]
    search(some[: min(batches)])
    batch = min(batches, key=lambda size: _seconds(lambda: run(some, size)))
    return lambda: run(customers, batch)


def _seconds(run: Callable[[], Any]) -> float:
    time.sleep(PAUSE)
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _falling(count: int) -> np.ndarray:
    shares = 1 / np.arange(1, count + 1)
    return shares / shares.sum()


def _unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


if __name__ == "__main__":
    sys.exit(main())
