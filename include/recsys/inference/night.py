"""What a night's jobs hold in memory, and what they make of a shard of customers with it."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array

from recsys.columns import Columns as C
from recsys.config import CandidatesConfig
from recsys.inference.candidates import Candidates
from recsys.inference.causes import Causes
from recsys.inference.ease import from_table, to_table
from recsys.inference.limits import CAPS, Limits
from recsys.inference.offered import Mask, keep_offered, offer_only, offered_articles
from recsys.inference.policy import Segments, exclusions, mode_of
from recsys.inference.purchases import PastPurchases, read_purchases
from recsys.inference.ragged import Keys, Ragged
from recsys.inference.rank import rank
from recsys.inference.rankers import Ranker, ranker_of, signals_for
from recsys.inference.run import Scorer
from recsys.inference.sources import (
    Sources,
    best_sellers_of,
    find_candidates,
    load_sources,
    popular_orders,
)
from recsys.job import Job
from recsys.models.inputs import Snapshot
from recsys.schemas import OFFERED
from recsys.storage import Lake

#: A table, and named counts of it.
Shard = tuple[pa.Table, dict[str, int]]


@dataclass(frozen=True, eq=False)
class Retrieval:
    """All that candidates are found by."""

    scorer: Scorer
    sources: Sources
    customer_keys: Keys  # ascending
    config: CandidatesConfig

    @classmethod
    def load(cls, job: Job, version: str, fingerprint: str) -> Self:
        """Return the retrieval of a model version as of the run date.

        candidates.ease is taken from the lake where it is of the step with this fingerprint.
        """
        customers = job.lake.read(job.partition("cleaned.customers"), columns=[C.CUSTOMER_KEY])
        keys = np.sort(customers[C.CUSTOMER_KEY].to_numpy())
        scorer, config = Scorer.load(job, version), job.config.candidates
        offered = offered_articles(job, scorer.snapshot)
        scorer = Scorer(scorer.model, offer_only(scorer.snapshot, offered))
        sources = load_sources(
            job.lake,
            scorer.snapshot,
            transactions=job.partition("cleaned.transactions"),
            config=config,
            ease=_fitted_ease(job, fingerprint, len(scorer.snapshot.is_on_sale)),
        )
        return cls(scorer, sources, keys, config)

    @staticmethod
    def count_shards(job: Job) -> int:
        """Return the number of shards that the customers make."""
        customers = job.lake.require(job.partition("cleaned.customers")).rows
        return math.ceil(customers / job.config.candidates.shard_customers)

    def make_ease(self, number: int) -> Shard:
        """Return candidates.ease, which has one shard."""
        return to_table(self.sources.ease), {}

    def make(self, number: int) -> Shard:
        """Return the candidates of a shard of customers, and how many each source offered."""
        size = self.config.shard_customers
        keys = self.customer_keys[number * size : (number + 1) * size]
        model, snapshot = self.scorer.model, self.scorer.snapshot
        blocks = find_candidates(model, snapshot, self.sources, keys, config=self.config)
        candidates = Candidates.concat(list(blocks))
        return candidates.to_table(), candidates.counts()


@dataclass(frozen=True, eq=False)
class Ranking:
    """All that lists are made of candidates by.

    lake, files: the shards of candidates, by their addresses.
    bands: [customers], the segment of each customer key.
    popular: int32 [segments, m], every article that may be recommended, in the order to fill with.
    excluded: what the purchase policy leaves out; row = customer key.
    offered: bool [articles], what the article filter lets through; None: everything.
    """

    lake: Lake
    files: list[str]
    ranker: Ranker
    bands: Segments
    popular: Keys
    excluded: Ragged
    offered: Mask | None
    limits: Limits | None
    causes: Causes
    k: int

    @classmethod
    def load(cls, job: Job, version: str) -> Self:
        """Return the ranking of a model version, under the policies, as of the run date."""
        config, scorer = job.config.recommendations, Scorer.load(job, version)
        offered = offered_articles(job, scorer.snapshot)
        snapshot = offer_only(scorer.snapshot, offered)
        popularity = job.lake.read(job.partition("features.popularity"))
        best_sellers = best_sellers_of(popularity, snapshot.is_on_sale)
        popular = keep_offered(popular_orders(best_sellers, snapshot), offered)
        bands = snapshot.age_bands
        transactions = job.partition("cleaned.transactions")
        purchases = read_purchases(job.lake, transactions, cutoff=job.run_date)
        excluded = exclusions(
            purchases, policy=config.policy, days=config.policy_days, customers=len(bands)
        )
        past = PastPurchases.of(purchases, customers=len(bands))
        del purchases
        signals = signals_for(scorer.model, snapshot, past)
        ranker = ranker_of(scorer.model, mode_of(config.policy), snapshot, signals)
        limits = _limits(job, popular, snapshot)
        ease = from_table(job.lake.read(job.partition("candidates.ease")), len(snapshot.is_on_sale))
        causes = Causes.of(snapshot, past, ease, best_sellers)
        files = job.lake.files(job.partition("candidates.pairs"))
        return cls(
            job.lake, files, ranker, bands, popular, excluded, offered, limits, causes, config.k
        )

    @staticmethod
    def count_shards(job: Job) -> int:
        """Return the number of shards that the candidates have."""
        return len(job.lake.files(job.partition("candidates.pairs")))

    def make(self, number: int) -> Shard:
        """Return the lists of a shard of candidates."""
        return self.rank(Candidates.from_table(self.lake.read_file(self.files[number]))), {}

    def make_offered(self, number: int) -> Shard:
        """Return recommendations.offered, which has one shard."""
        return pa.table([np.sort(self.popular[0])], schema=OFFERED), {}

    def rank(self, candidates: Candidates) -> pa.Table:
        """Return the lists of the candidates' customers, in the layout of recommendations.lists."""
        if self.offered is not None:
            candidates = candidates.where(self.offered[candidates.article_keys])
        return rank(
            self.ranker,
            candidates,
            bands=self.bands,
            popular=self.popular,
            excluded=self.excluded,
            k=self.k,
            limits=self.limits,
            causes=self.causes,
        )


def _fitted_ease(job: Job, fingerprint: str, size: int) -> csr_array | None:
    partition = job.partition("candidates.ease")
    manifest = job.lake.manifest(partition)
    if manifest is None or manifest.fingerprint != fingerprint:
        return None
    return from_table(job.lake.read(partition), size)


def _limits(job: Job, popular: Keys, snapshot: Snapshot) -> Limits | None:
    config = job.config.recommendations
    if not config.mixes_lists:
        return None
    articles = job.lake.read(job.partition("cleaned.articles"), [C.ARTICLE_KEY, *CAPS.values()])
    features = job.lake.read(job.partition("features.articles"), [C.ARTICLE_KEY, "days_on_sale"])
    return Limits.of(articles, features, popular, snapshot.is_on_sale, config)
