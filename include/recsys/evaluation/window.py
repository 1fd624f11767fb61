"""The evaluation of one model version, from the lake to the report."""

import json
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recsys import log
from recsys.columns import Columns as C
from recsys.errors import DataError
from recsys.evaluation.ablation import ablate_sources, read_ablations
from recsys.evaluation.als import FitFactors, judge_factors
from recsys.evaluation.judge import (
    Outcome,
    bought_articles,
    judge,
    judge_pairs,
    sample_customers,
)
from recsys.evaluation.report import ALS, CHAMPION, build_report, summarise, with_rival
from recsys.inference.policy import MODES
from recsys.inference.ragged import Ragged
from recsys.inference.run import Scorer
from recsys.inference.sources import load_sources
from recsys.job import Job
from recsys.models.registry import model_partition
from recsys.models.trees import Trees

logger = log.get_logger("evaluation")

#: The validation threshold where a model states none.
THRESHOLD = 0.5
#: Pairs are drawn beyond this many; AUC is then known to about 0.001.
MAX_PAIRS = 200_000
#: So many of the trees' columns are reported.
MAX_COLUMNS = 15


@dataclass(frozen=True)
class Window:
    """Features are as of `cutoff`; what is bought in [cutoff, label_end) is the truth."""

    cutoff: date
    label_end: date


@dataclass(frozen=True)
class Judged:
    """One window's outcomes by mode, its catalogue, last week's sales by article key, the scores of
    its labelled pairs, and outcomes without each source; and of the model which ranker orders each
    mode's lists, what its trees look at, and what its network is worth without some parts."""

    outcomes: dict[str, Outcome]
    on_sale: NDArray[np.int32]
    sales: NDArray[np.float32]
    pairs: dict[str, float]
    ablated: dict[str, Outcome]
    rankers: dict[str, str]
    columns: dict[str, dict[str, float]]
    ablations: dict[str, dict[str, float]]


def evaluate(
    job: Job,
    version: str,
    windows: list[Window],
    *,
    champion: str | None = None,
    fit_als: FitFactors | None = None,
) -> dict[str, Any]:
    """Return a model version's report on the test windows, see `build_report`.

    Another version, `champion`, is judged on the same windows and customers, and so are the
    factors that `fit_als` makes.

    Raises:
        DataError: there is no test window, or nobody bought anything in it.
    """
    if not windows:
        raise DataError("the split has no test window: run build_features --training again")
    config = job.config.evaluation
    judged = [
        _judge_window(job, version, window, champion=champion, fit_als=fit_als)
        for window in windows
    ]
    pooled = {mode: Outcome.pool([part.outcomes[mode] for part in judged]) for mode in MODES}
    catalogue = np.unique(np.concatenate([part.on_sale for part in judged]))
    summary = partial(
        summarise,
        k=config.k,
        samples=config.bootstrap_samples,
        seed=job.config.seed,
        catalogue=catalogue,
        sales=np.sum([part.sales for part in judged], axis=0),
    )
    modes = {mode: summary(outcome) for mode, outcome in pooled.items()}
    for mode, part in modes.items():
        ablated = summary(Outcome.pool([window.ablated[mode] for window in judged]))
        part["gain_of_source"] = ablated["model_minus"]
    return build_report(
        modes,
        version=version,
        champion=champion,
        test_cutoffs=[str(window.cutoff) for window in windows],
        k=config.k,
        customers=len(pooled["all"].relevant),
        samples=config.bootstrap_samples,
        pairs=judged[-1].pairs,
        history=_history(job, version),
        rankers=judged[-1].rankers,
        columns=judged[-1].columns,
        ablations=judged[-1].ablations,
    )


def _judge_window(
    job: Job,
    version: str,
    window: Window,
    *,
    champion: str | None,
    fit_als: FitFactors | None,
) -> Judged:
    scorer = Scorer.load(job, version, cutoff=window.cutoff, role="evaluated")
    truth = _truth(job, window, customers=len(scorer.snapshot.age_bands))
    limit = job.config.evaluation.max_customers
    customers = sample_customers(truth, limit=limit, seed=job.config.seed)
    if not len(customers):
        raise DataError(f"nobody bought anything in [{window.cutoff}, {window.label_end})")
    logger.info("judging %s", log.fields(cutoff=window.cutoff, customers=len(customers)))
    candidates = job.config.candidates
    sources = load_sources(
        job.lake,
        scorer.snapshot,
        transactions=job.partition("cleaned.transactions"),
        config=candidates,
    )
    k = job.config.evaluation.k
    outcomes = judge(scorer, sources, customers, truth, config=candidates, k=k)
    if fit_als is not None:
        factors = fit_als(window.cutoff, customers, len(sources.is_on_sale))
        theirs = judge_factors(factors, sources, customers, truth, k=k)
        outcomes = {mode: with_rival(outcomes[mode], ALS, theirs[mode]) for mode in MODES}
    fewer = sample_customers(
        truth, limit=job.config.evaluation.ablation_customers, seed=job.config.seed
    )
    ablated = ablate_sources(scorer, sources, fewer, truth, config=candidates, k=k)
    threshold = scorer.model.metrics.get("threshold", THRESHOLD)
    pairs = judge_pairs(scorer, sources, _pairs(job, window), threshold=threshold)
    on_sale = np.flatnonzero(scorer.snapshot.is_on_sale).astype(np.int32)
    sales = scorer.snapshot.sales_7d
    rankers, columns = scorer.model.rankers, _columns(scorer.model.trees)
    without = read_ablations(scorer.model.metrics)
    if champion is not None:
        del scorer  # the champion reads a snapshot of its own, and each takes much memory
        logger.info("judging the champion %s", log.fields(version=champion))
        rival = Scorer.load(job, champion, cutoff=window.cutoff, role="evaluated")
        theirs = judge(rival, sources, customers, truth, config=candidates, k=k)
        outcomes = {mode: with_rival(outcomes[mode], CHAMPION, theirs[mode]) for mode in MODES}
    return Judged(outcomes, on_sale, sales, pairs, ablated, rankers, columns, without)


def _columns(trees: Trees | None) -> dict[str, dict[str, float]]:
    """Return mode -> the columns that its trees gain most by, and their shares, largest first."""
    if trees is None:
        return {}
    return {m: dict(islice(trees.importance(m).items(), MAX_COLUMNS)) for m in trees.boosters}


def _truth(job: Job, window: Window, *, customers: int) -> Ragged:
    day = pc.field(C.T_DAT)
    rows = job.lake.read(
        job.partition("cleaned.transactions"),
        columns=[C.CUSTOMER_KEY, C.ARTICLE_KEY],
        filter=(day >= window.cutoff) & (day < window.label_end),
    )
    return bought_articles(rows, customers=customers)


def _pairs(job: Job, window: Window) -> pa.Table:
    pairs = job.lake.read(
        job.partition("examples.pairs"),
        columns=[C.CUSTOMER_KEY, C.ARTICLE_KEY, C.LABEL],
        filter=(pc.field(C.PART) == "test") & (pc.field(C.CUTOFF) == window.cutoff),
    )
    if len(pairs) <= MAX_PAIRS:
        return pairs
    chosen = np.random.default_rng(job.config.seed).choice(len(pairs), MAX_PAIRS, replace=False)
    return pairs.take(np.sort(chosen))


def _history(job: Job, version: str) -> list[dict[str, float]]:
    """Return one row of facts for each training epoch."""
    with job.lake.local_path(model_partition(version)) as folder:
        history: list[dict[str, float]] = json.loads(
            (folder / "history.json").read_text(encoding="utf-8")
        )
    return history
