"""Configuration: frozen models; defaults < conf/base.yaml < conf/<env>.yaml < flags."""

from recsys.config.blocks import (
    Ablation,
    AlsConfig,
    CandidatesConfig,
    CleaningConfig,
    EaseConfig,
    EvaluationConfig,
    ExamplesConfig,
    FeaturesConfig,
    ImagesConfig,
    ModelConfig,
    PromotionConfig,
    PublishConfig,
    SparkConfig,
    SplitConfig,
    TreesConfig,
)
from recsys.config.checks import (
    Band,
    ChecksConfig,
    DailyRowsConfig,
    DriftConfig,
    Limits,
    ValuesConfig,
)
from recsys.config.load import REPOSITORY, load_config
from recsys.config.recommendations import (
    POLICIES,
    ArticlesConfig,
    Policy,
    RecommendationsConfig,
)
from recsys.config.settings import Config

__all__ = [
    "POLICIES",
    "REPOSITORY",
    "Ablation",
    "AlsConfig",
    "ArticlesConfig",
    "Band",
    "CandidatesConfig",
    "ChecksConfig",
    "CleaningConfig",
    "Config",
    "DailyRowsConfig",
    "DriftConfig",
    "EaseConfig",
    "EvaluationConfig",
    "ExamplesConfig",
    "FeaturesConfig",
    "ImagesConfig",
    "Limits",
    "ModelConfig",
    "Policy",
    "PromotionConfig",
    "PublishConfig",
    "RecommendationsConfig",
    "SparkConfig",
    "SplitConfig",
    "TreesConfig",
    "ValuesConfig",
    "load_config",
]
