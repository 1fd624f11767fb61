"""Configuration: frozen models; defaults < conf/base.yaml < conf/<env>.yaml < flags."""

from recsys.config.blocks import (
    CandidatesConfig,
    CleaningConfig,
    EvaluationConfig,
    ExamplesConfig,
    FeaturesConfig,
    ImagesConfig,
    ModelConfig,
    Policy,
    PromotionConfig,
    PublishConfig,
    RecommendationsConfig,
    SparkConfig,
    SplitConfig,
)
from recsys.config.checks import ChecksConfig
from recsys.config.load import REPOSITORY, load_config
from recsys.config.settings import Config

__all__ = [
    "REPOSITORY",
    "CandidatesConfig",
    "ChecksConfig",
    "CleaningConfig",
    "Config",
    "EvaluationConfig",
    "ExamplesConfig",
    "FeaturesConfig",
    "ImagesConfig",
    "ModelConfig",
    "Policy",
    "PromotionConfig",
    "PublishConfig",
    "RecommendationsConfig",
    "SparkConfig",
    "SplitConfig",
    "load_config",
]
