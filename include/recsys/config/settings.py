"""Everything a job may be told, in one frozen model."""

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import model_validator

from recsys.config.blocks import (
    CandidatesConfig,
    CleaningConfig,
    EvaluationConfig,
    ExamplesConfig,
    FeaturesConfig,
    ImagesConfig,
    ModelConfig,
    PromotionConfig,
    PublishConfig,
    SparkConfig,
)
from recsys.config.checks import ChecksConfig
from recsys.config.frozen import Frozen
from recsys.config.recommendations import RecommendationsConfig


class Config(Frozen):
    """Everything a job may be told."""

    env: str = "base"
    #: A folder in the Kaggle layout.
    data: str = ".recsys/data"
    #: Where layers are written; None puts it into `state`, one lake a data folder.
    lake: str | None = None
    #: Everything this machine keeps; deleting it starts from nothing.
    state: str = ".recsys"
    seed: int = 20200923
    #: A run without an explicit date takes the schedule's, or the day after the last transaction.
    run_date_from: Literal["schedule", "data"] = "schedule"
    cleaning: CleaningConfig = CleaningConfig()
    features: FeaturesConfig = FeaturesConfig()
    examples: ExamplesConfig = ExamplesConfig()
    images: ImagesConfig = ImagesConfig()
    model: ModelConfig = ModelConfig()
    candidates: CandidatesConfig = CandidatesConfig()
    recommendations: RecommendationsConfig = RecommendationsConfig()
    publish: PublishConfig = PublishConfig()
    spark: SparkConfig = SparkConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    checks: ChecksConfig = ChecksConfig()
    promotion: PromotionConfig = PromotionConfig()

    @model_validator(mode="after")
    def _candidates_can_fill_k(self) -> "Config":
        if self.recommendations.k > self.candidates.popular:
            raise ValueError(
                f"recommendations.k must be at most candidates.popular ({self.candidates.popular}),"
                f" the source that fills short lists. Got {self.recommendations.k}"
            )
        return self

    @property
    def source(self) -> str:
        """The data folder's short name, unique to its address: names its lake and its models."""
        address = self.data if "://" in self.data else str(Path(self.data).resolve())
        digest = hashlib.sha256(address.encode()).hexdigest()[:8]
        return f"{Path(address.rstrip('/')).name}-{digest}"

    @property
    def lake_root(self) -> str:
        """The folder or address under which this data folder's layers live."""
        if self.lake is not None:
            return self.lake
        return str(Path(self.state).resolve() / "lake" / self.source)
