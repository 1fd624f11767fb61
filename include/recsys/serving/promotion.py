"""The gate between a trained model and the customers: is it good enough to be the champion?"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recsys.config import PromotionConfig
from recsys.errors import DataError

POPULARITY = "popular_7d"


@dataclass(frozen=True)
class Decision:
    """Whether a version becomes champion, and why or why not."""

    promoted: bool
    reason: str


@dataclass(frozen=True)
class Result:
    """What the gate looks at in an evaluation report."""

    version: str
    test_cutoff: str
    metric: str
    #: NaN where it could not be measured: nobody bought anything in the test window.
    model: float
    popularity: float

    @property
    def lift(self) -> float:
        """NDCG@k above last-week popularity's, as a share of it; without sales, of nothing."""
        return (self.model - self.popularity) / self.popularity if self.popularity else 0.0

    @property
    def is_measured(self) -> bool:
        """Whether both numbers are there."""
        return math.isfinite(self.model) and math.isfinite(self.popularity)

    @property
    def is_behind_popularity(self) -> bool:
        """Whether last week's best sellers, the same for everyone, did better."""
        return self.model < self.popularity


def read_result(report: Mapping[str, Any], *, mode: str) -> Result:
    """Return an evaluation report's NDCG@k for one mode.

    Raises:
        DataError: the report lacks it.
    """
    try:
        metric = f"ndcg_at_{report['k']}"
        methods = report["modes"][mode]
        return Result(
            version=str(report["version"]),
            test_cutoff=str(report["test_cutoff"]),
            metric=metric,
            model=_number(methods["model"][metric]["mean"]),
            popularity=_number(methods[POPULARITY][metric]["mean"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"the evaluation report lacks what promotion reads in mode {mode!r} ({error!r}):"
            " run evaluate again"
        ) from error


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def judge(new: Result, champion: Result | None, settings: PromotionConfig) -> Decision:
    """Return whether a version may take the champion's place.

    The first version always may, since nights need one. Later ones must be measured, and must
    neither lose more than `settings.tolerance` of the champion's NDCG@k nor fall behind popularity
    where the champion is ahead of it. Where the two were tested on different days, whose difficulty
    differs too, each is measured against the popularity of its own day.
    """
    behind = new.is_behind_popularity
    against = f"{new.metric} {new.model:.4f}, last-week popularity {new.popularity:.4f}"
    if champion is None:
        warning = "" if new.is_measured else "WARNING, not measured: "
        warning = "WARNING, behind last-week popularity: " if behind else warning
        return Decision(True, f"{warning}the first version of its source ({against})")
    if not new.is_measured:
        return Decision(False, f"not measured: nobody bought anything on {new.test_cutoff}")
    if not champion.is_measured:
        return Decision(True, f"champion {champion.version} was never measured ({against})")
    if behind and not champion.is_behind_popularity:
        return Decision(
            False,
            f"behind last-week popularity ({against}), which champion {champion.version} is not",
        )
    return _against_champion(new, champion, settings.tolerance)


def _against_champion(new: Result, champion: Result, tolerance: float) -> Decision:
    same_test = (new.test_cutoff, new.metric) == (champion.test_cutoff, champion.metric)
    if same_test:
        mine, theirs = new.model, champion.model
        compared = f"{new.metric} {mine:.4f}, champion {champion.version} {theirs:.4f}"
    else:
        mine, theirs = 1 + new.lift, 1 + champion.lift
        compared = (
            f"{new.metric} {new.lift:+.1%} against last-week popularity on {new.test_cutoff},"
            f" champion {champion.version} {champion.lift:+.1%} on {champion.test_cutoff}"
        )
    if mine < theirs * (1 - tolerance):
        return Decision(False, f"{compared}: more than {tolerance:.0%} behind")
    return Decision(True, f"{compared}: within {tolerance:.0%} of it or better")
