"""How soon towers recommend well: real purchases, and the NDCG of their lists after each epoch.

`bench_train` runs it as a process:

    python -m benchmarks.train.learning prepare --lake L --run-date D --folder F
    python -m benchmarks.train.learning train --folder F --epochs N --out F.json

`prepare` writes the arrays of the training examples and of those who are judged, which both sides
read; `train` is this project's side.
"""

import argparse
import json
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from benchmarks.train.ours import SEED, WARM_UP, keep, kept, make_trainer
from recsys.config import CandidatesConfig, FeaturesConfig, ModelConfig
from recsys.evaluation import metrics
from recsys.evaluation.validation import load_validation
from recsys.inference.ragged import Keys, Ragged
from recsys.inference.topk import top_k
from recsys.models.batches import batches
from recsys.models.inputs import load_pca
from recsys.models.network import Recommender
from recsys.models.prepare import Source, prepare
from recsys.storage import Lake

K = 12
CUSTOMERS = 2000
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Judge:
    """Lists for n customers of the week after the last that is trained on, new articles alone.

    customers: int32 [n], numbers as in customers.npy; one more than the highest: never seen.
    is_on_sale: bool [articles].
    bought: [n] rows, what each bought in the week and never before.
    past: [n] rows, what each bought before.
    """

    customers: Keys
    is_on_sale: npt.NDArray[np.bool_]
    bought: Ragged
    past: Ragged

    def ndcg(self, customers: Vectors, articles: Vectors) -> float:
        """Return the mean NDCG@K of vectors [n, dim] and [articles, dim]."""
        lists, _ = top_k(customers, articles, K, allowed=self.is_on_sale, excluded=self.past)
        hits = self.bought.marks(lists)
        return metrics.mean(metrics.ndcg_at_k(hits, self.bought.lengths, K))

    def save(self, folder: Path) -> None:
        """Write it beside the examples."""
        np.save(folder / "judged_customers.npy", self.customers)
        np.save(folder / "is_on_sale.npy", self.is_on_sale)
        for name, rows in (("bought", self.bought), ("past", self.past)):
            np.save(folder / f"{name}_offsets.npy", rows.offsets)
            np.save(folder / f"{name}_keys.npy", rows.keys)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return what `save` wrote."""
        bought, past = (
            Ragged(
                np.load(folder / f"{name}_offsets.npy"),
                keys := np.load(folder / f"{name}_keys.npy"),
                np.ones(len(keys), np.float32),
            )
            for name in ("bought", "past")
        )
        names = ("judged_customers", "is_on_sale")
        customers, is_on_sale = (np.load(folder / f"{name}.npy") for name in names)
        return cls(customers, is_on_sale, bought, past)


def write_examples(lake: Lake, run_date: date, folder: Path) -> None:
    """Write the training examples, and the judge of the week after.

    The judged customers are the last n rows of the arrays of customers, and the last block of the
    articles' numbers is as of the day on which they are judged.
    """
    source = Source(lake, run_date, FeaturesConfig().history_length, load_pca(lake))
    positives = source.positives(["train"])
    examples, encoder = prepare(source, positives)
    validation = load_validation(
        source, encoder, customers=CUSTOMERS, precision=0.9, candidates=CandidatesConfig(),
        seed=SEED,
    )  # fmt: skip
    snapshot, past = validation.snapshot, validation.sources.purchases.articles
    news = validation.bought.without(past)
    people = validation.customers[news.lengths[validation.customers] > 0]
    own = {name: getattr(snapshot, name)[people] for name in (
        "customer_numbers", "customer_categories", "recent_articles", "recent_days",
        "recent_quantities",
    )}  # fmt: skip
    own["article_numbers"] = snapshot.article_numbers
    both = {name: np.concatenate([getattr(examples, name), rows]) for name, rows in own.items()}
    known, numbers = np.unique(
        np.concatenate([block.customers for block in positives]), return_inverse=True
    )
    keep(replace(examples, **both), encoder, numbers.astype(np.int32), folder)
    np.save(folder / "rows.npy", np.arange(len(examples)))
    places = np.minimum(np.searchsorted(known, people), len(known) - 1)
    judged = np.where(known[places] == people, places, len(known)).astype(np.int32)
    is_on_sale = validation.sources.is_on_sale
    Judge(judged, is_on_sale, news.take(people), past.take(people)).save(folder)


def learn(folder: Path, epochs: int) -> dict[str, list[float]]:
    """Return the seconds of each epoch and the NDCG after it, of towers beside their ranker."""
    examples, encoder = kept(folder)
    judge = Judge.load(folder)
    trainer = make_trainer(examples, encoder, ModelConfig())
    plan = batches(examples, trainer.config.batch_size, np.random.default_rng(SEED))
    trainer.run([next(plan) for _ in range(WARM_UP)])
    found: dict[str, list[float]] = {"seconds": [], "ndcg": []}
    for _ in range(epochs):
        found["seconds"].append(round(trainer.run_epoch()["seconds"], 2))
        found["ndcg"].append(judge.ndcg(*_vectors(trainer.network, examples, judge)))
    return found


def _vectors(network: Recommender, examples: Any, judge: Judge) -> tuple[Vectors, Vectors]:
    """Return the vectors of the judged customers and of all articles."""
    n, articles = len(judge.customers), len(judge.is_on_sale)
    contents = network.content(examples.article_categories, examples.image_vectors)
    customers = network.customer_vectors(
        examples.customer_numbers[-n:],
        examples.customer_categories[-n:],
        contents,
        recent=examples.recent_articles[-n:],
        days=examples.recent_days[-n:],
        quantities=examples.recent_quantities[-n:],
    )
    vectors = network.article_vectors(contents, examples.article_numbers[-articles:])
    return np.asarray(customers), np.asarray(vectors)


def seconds_to(target: float, curve: dict[str, list[float]]) -> float | None:
    """Return the seconds of all epochs until the NDCG is the target; None: it never is.

    >>> seconds_to(0.2, {"seconds": [3.0, 4.0, 5.0], "ndcg": [0.1, 0.2, 0.3]})
    7.0
    """
    reached = np.flatnonzero(np.array(curve["ndcg"]) >= target)
    return round(sum(curve["seconds"][: reached[0] + 1]), 2) if len(reached) else None


def main(argv: list[str] | None = None) -> int:
    """Run one of both."""
    parser = argparse.ArgumentParser(prog="learning", description=__doc__)
    parser.add_argument("what", choices=("prepare", "train"))
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--lake")
    parser.add_argument("--run-date", type=date.fromisoformat)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args(argv)
    if args.what == "prepare":
        write_examples(Lake(args.lake), args.run_date, args.folder)
    else:
        args.out.write_text(json.dumps(learn(args.folder, args.epochs)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
