"""The gate between a trained model and the customers: is it good enough to be the champion?"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from recsys.errors import DataError
from recsys.evaluation.report import ALS, BASELINES, CHAMPION, name_at


@dataclass(frozen=True)
class Decision:
    """Whether a version becomes champion, and why or why not."""

    promoted: bool
    reason: str


@dataclass(frozen=True)
class Difference:
    """The model's NDCG@k minus another method's over the same customers, with a 95 % interval.

    NaN where it could not be measured: nobody bought anything that counts in the test window.
    """

    mean: float
    low: float
    high: float

    @classmethod
    def read(cls, estimate: Mapping[str, float | None]) -> Self:
        """Return an estimate of the report; null is NaN."""
        values = (estimate[name] for name in ("mean", "low", "high"))
        return cls(*(math.nan if value is None else float(value) for value in values))

    def __str__(self) -> str:
        """Return the difference and its interval, such as `-0.0030 (-0.0041 to -0.0019)`."""
        return f"{self.mean:+.4f} ({self.low:+.4f} to {self.high:+.4f})"


@dataclass(frozen=True)
class Result:
    """What the gate looks at in an evaluation report.

    against: the version that was champion then; None where there was none to compare with.
    minus: method -> the model's difference from it; of each baseline, the champion and others.
    customers, samples: whose purchases count, and how often they were drawn anew.
    """

    version: str
    metric: str
    against: str | None
    minus: dict[str, Difference]
    customers: int
    samples: int

    @property
    def faults(self) -> list[str]:
        """Why the model is not ahead of each baseline; empty where it is."""
        if not all(math.isfinite(difference.mean) for difference in self.minus.values()):
            return ["not measured: nobody bought anything that counts"]
        names = [*BASELINES, *({ALS} & self.minus.keys())]
        baselines = {name: self.minus[name] for name in names}
        return [f"not ahead of {n}: {found}" for n, found in baselines.items() if found.mean <= 0]


def read_result(report: Mapping[str, Any], *, mode: str) -> Result:
    """Return what an evaluation report says of NDCG@k in one mode.

    Raises:
        DataError: the report lacks it.
    """
    try:
        metric, details = name_at("ndcg_at_k", report["k"]), report["details"][mode]
        return Result(
            version=str(report["version"]),
            metric=metric,
            against=report["champion"],
            minus={n: Difference.read(m[metric]) for n, m in details["model_minus"].items()},
            customers=int(details["customers"]),
            samples=int(report["samples"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"the evaluation report lacks what promotion reads in mode {mode!r} ({error!r}):"
            " run evaluate again"
        ) from error


def judge(result: Result, champion: str | None) -> Decision:
    """Return whether a version may take the place of the champion, None where there is none.

    It must be ahead of each baseline, and the paired bootstrap must not put it behind the champion:
    the 95 % interval of their difference must not end below zero. Without a champion it may in any
    case, since nights need one; the reason then warns of what it did not beat.

    Raises:
        DataError: the evaluation is beside another version than the champion.
    """
    faults = result.faults
    measure = (
        f"{result.metric} of {result.customers:,} customers,"
        f" 95 % intervals of {result.samples:,} resamples"
    )
    if champion is None:
        verdict = f"WARNING, {'; '.join(faults)}" if faults else "ahead of each baseline"
        return Decision(True, f"{verdict}; no champion to compare with; {measure}")
    if result.against != champion:
        raise DataError(
            f"{result.version} was evaluated beside {result.against or 'no champion'}, and"
            f" {champion} is champion now: run evaluate --model-version {result.version} again"
        )
    found = result.minus[CHAMPION]
    if found.high < 0:
        faults = [f"behind champion {champion}: {found}", *faults]
    verdict = "; ".join(faults)
    if not faults:
        verdict = f"ahead of each baseline; not behind champion {champion}: {found}"
    return Decision(not faults, f"{verdict}; {measure}")
