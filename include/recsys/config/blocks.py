"""The blocks of settings, each for one part of the platform, with their defaults."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from recsys.config.frozen import Frozen, NonNegativeInt, PositiveInt, Share


class CleaningConfig(Frozen):
    """What a valid row is. Prices are in H&M's own scaled unit (median 0.025)."""

    max_price: float = Field(default=10.0, gt=0)
    #: A file with a larger share of rejected rows is itself at fault.
    max_rejected_share: Share = 0.2


class FeaturesConfig(Frozen):
    """Windows in days before the cutoff; lengths in rows."""

    history_length: PositiveInt = 64
    on_sale_days: PositiveInt = 28
    popular_days: PositiveInt = 7
    popular_articles: PositiveInt = 100
    copurchase_days: PositiveInt = 90
    copurchased_articles: PositiveInt = 20
    #: Articles that fewer customers share are not bought together, only by chance.
    copurchase_customers: PositiveInt = 2


def _sum_to_one(fractions: tuple[float, float, float]) -> tuple[float, float, float]:
    if abs(sum(fractions) - 1) > 1e-9 or min(fractions) <= 0:
        raise ValueError(f"must be three positive shares that sum to 1. Got {fractions}")
    return fractions


class SplitConfig(Frozen):
    """The time split: the last weeks, or shares of the transactions on whole days."""

    method: Literal["fractions", "last_weeks"] = "last_weeks"
    #: Training, validation and test.
    fractions: Annotated[tuple[float, float, float], AfterValidator(_sum_to_one)] = (
        0.7,
        0.15,
        0.15,
    )
    #: With `last_weeks`: validation and test weeks at the end; the rest is training.
    validation_weeks: PositiveInt = 1
    test_weeks: PositiveInt = 1
    #: Feature snapshots are taken every so many days, the latest ones of each part.
    snapshot_days: PositiveInt = 7
    train_snapshots: PositiveInt = 10
    validation_snapshots: PositiveInt = 1
    test_snapshots: PositiveInt = 1


class ExamplesConfig(Frozen):
    """How training pairs are drawn."""

    split: SplitConfig = SplitConfig()
    negatives_per_positive: PositiveInt = 4
    sampling: Literal["uniform", "popularity"] = "uniform"
    #: With `popularity`, an article is drawn in proportion to sales ** exponent.
    popularity_exponent: float = Field(default=0.75, ge=0)


class ImagesConfig(Frozen):
    """ResNet152 without its head, then PCA."""

    #: `imagenet` (Keras's download), `random` (tests and demos) or a path or address of a file.
    weights: str = "imagenet"
    weights_sha256: str | None = None
    #: What runs the network; `auto` is TensorFlow on GPUs, where it finds any, else OpenVINO.
    engine: Literal["auto", "openvino", "tensorflow"] = "auto"
    #: Multiply bfloat16 or float16 where the machine is fast in it; false: float32 everywhere.
    reduced: bool = True
    #: Images at a time, of each device.
    batch_size: PositiveInt = 32
    #: Threads that read and decode; None is one a core.
    workers: PositiveInt | None = None
    #: So many decoded images may wait for the engine, 150 kB each.
    decode_ahead: PositiveInt = 128
    #: Vectors are kept on disk every so many images: a killed run goes on from there.
    shard_articles: PositiveInt = 512
    #: Of a new image; those that have a vector keep it.
    max_pixels: PositiveInt = 50_000_000
    pca_variance: float = Field(default=0.95, gt=0, le=1)
    #: An upper bound of the reduced width, whatever the variance asks for.
    pca_max_components: PositiveInt = 256


class TreesConfig(Frozen):
    """Gradient-boosted trees that rank candidates, see `recsys.models.trees`."""

    #: The latest training snapshots teach the trees, at most two thirds of them; the network learns
    #: from those before, so that its scores tell the trees nothing of the weeks they learn from.
    weeks: PositiveInt = 6
    #: So many of a week's customers.
    customers: PositiveInt = 8_000
    #: The share of the candidates that were not bought that teaches, drawn at random: it orders
    #: lists as well as all of them do, in a fraction of the time.
    negative_share: float = Field(default=0.35, gt=0, le=1)
    #: A model is the mean of so many boosters, which differ by the rows and columns they draw.
    boosters: PositiveInt = 3
    #: Of a booster, of each kind: first those that say what is likely, then, of lists, those that
    #: order.
    trees: PositiveInt = 75
    leaves: Annotated[int, Field(ge=2, le=64)] = 15
    learning_rate: float = Field(default=0.1, gt=0)
    #: Of a leaf: candidates, and single pairs.
    min_rows: PositiveInt = 300
    min_pairs: PositiveInt = 50
    l2: float = Field(default=5.0, ge=0)
    column_share: float = Field(default=0.3, gt=0, le=1)
    row_share: float = Field(default=0.8, gt=0, le=1)
    #: Only pairs with one of a list's first so many are put in order.
    truncation: PositiveInt = 20


#: What a network can be trained without, to see what it is worth: the correction of the retrieval
#: loss for how articles got into a batch, the images, and the pooled history of the customer tower.
Ablation = Literal["log_q", "images", "history"]


class ModelConfig(Frozen):
    """Two towers into one space, and two rankers on top of them."""

    dim: PositiveInt = 32
    tower_units: tuple[PositiveInt, ...] = (128,)
    ranker_units: tuple[PositiveInt, ...] = (128, 64)
    temperature: float = Field(default=0.1, gt=0)
    learning_rate: float = Field(default=0.001, gt=0)
    batch_size: PositiveInt = 1024
    epochs: PositiveInt = 500
    #: Training stops after so many epochs without a better validation NDCG@12.
    patience: PositiveInt = 5
    #: A positive weighs half as much for each so many days that its snapshot is older than the
    #: latest one; None: all weigh the same.
    half_life_days: float | None = Field(default=None, gt=0)
    retrieval_weight: float = Field(default=1.0, ge=0)
    ranking_weight: float = Field(default=1.0, ge=0)
    validation_customers: PositiveInt = 2000
    #: Of the pairs that a threshold calls bought at least so many shall be, on validation.
    pair_precision: Share = 0.9
    #: `best`: the one with the greater NDCG@12, of pairs AUC, on the validation snapshot.
    ranker: Literal["best", "network", "trees"] = "best"
    trees: TreesConfig = TreesConfig()
    mixed_precision: bool = False
    #: So many GPUs train, each on batches of its own; None: all there are, or the processor.
    gpus: PositiveInt | None = None
    #: Also train a network without each of these, for as many epochs as the best one took, to be
    #: compared on the validation snapshot. No model uses them.
    ablations: tuple[Ablation, ...] = ()
    #: Also train on everything for as many epochs: what nights use. Evaluations judge the model
    #: that was trained on the training part alone.
    refit: bool = True


class EaseConfig(Frozen):
    """Which articles speak for which, see `recsys.inference.ease`."""

    #: Those that most customers bought lately; memory grows with the square, time with the cube.
    articles: PositiveInt = 9000
    #: Lately is within so many days.
    days: PositiveInt = 90
    min_customers: PositiveInt = 5
    l2: float = Field(default=100.0, gt=0)
    #: So many articles speak for each one.
    neighbours: PositiveInt = 50


class CandidatesConfig(Frozen):
    """How many articles each source offers a customer."""

    towers: PositiveInt = 50
    popular: PositiveInt = 100
    copurchased: PositiveInt = 120
    same_product: PositiveInt = 20
    taste: PositiveInt = 80
    past_purchases: PositiveInt = 200
    ease: EaseConfig = EaseConfig()
    shard_customers: PositiveInt = 20_000


class PublishConfig(Frozen):
    """How runs are kept and switched."""

    retain_runs: PositiveInt = 3
    late_after_hours: PositiveInt = 36
    lock_timeout_ms: PositiveInt = 2000
    #: How long a publisher waits for a server that is away or starting.
    connect_wait_s: NonNegativeInt = 60
    #: `newer`: an older run date never becomes active by itself. `always`: it does.
    activate: Literal["newer", "always"] = "newer"


class SparkConfig(Frozen):
    """Spark settings; `master` None leaves the choice to spark-submit."""

    master: str | None = None
    #: With fewer rows to read a job goes without Spark where it can; elsewhere Java compiles
    #: quickly rather than well, since compiling well would take longer than it saves.
    small_rows: NonNegativeInt = 1_000_000
    shuffle_partitions: PositiveInt = 8
    driver_memory: str = "4g"
    #: Whether candidates and lists are made by Spark's workers, a shard of customers a task; else
    #: by the job itself, on all its cores. Bytes are the same.
    scoring: bool = False
    #: An executor's cores that such a task takes: with all of them, no machine holds the purchases
    #: and features of all customers twice.
    scoring_cpus: PositiveInt = 1


class AlsConfig(Frozen):
    """A baseline: what Spark's ALS makes of purchases, see `recsys.features.als`."""

    enabled: bool = True
    rank: PositiveInt = 64
    iterations: PositiveInt = 10
    #: Spark multiplies it by the number of a customer's or an article's pairs.
    regularisation: float = Field(default=0.1, gt=0)
    #: A pair's confidence is 1 + alpha * weight.
    alpha: float = Field(default=10.0, gt=0)
    #: Purchases of the last so many days before the cutoff count, each less the older it is. At
    #: H&M's size these are some 860 CPU seconds, and two years 1,900, by a tenth of its customers.
    days: PositiveInt = 180
    decay_days: float = Field(default=60.0, gt=0)


class EvaluationConfig(Frozen):
    """How lists are judged."""

    k: PositiveInt = 12
    max_customers: PositiveInt = 20_000
    #: So many of them also get lists without each source of candidates.
    ablation_customers: PositiveInt = 2_000
    bootstrap_samples: PositiveInt = 1000
    als: AlsConfig = AlsConfig()


class PromotionConfig(Frozen):
    """When a new model version becomes champion."""

    #: Lists with past purchases (`all`) or without (`novel`, what policy `all` publishes).
    mode: Literal["all", "novel"] = "novel"
