"""Names of data sets, and where they and the raw files are."""

from dataclasses import dataclass

#: Every data set, and the job that writes it.
WRITTEN_BY: dict[str, str] = {
    "keys.customers": "clean_catalogue",
    "keys.articles": "clean_catalogue",
    "cleaned.customers": "clean_catalogue",
    "cleaned.articles": "clean_catalogue",
    "cleaned.transactions": "clean_transactions",
    "cleaned.loads": "clean_transactions",
    "rejected.catalogue": "clean_catalogue",
    "rejected.transactions": "clean_transactions",
    "checks.cleaned": "check_cleaned",
    "features.customers": "build_features",
    "features.articles": "build_features",
    "features.popularity": "build_features",
    "features.copurchases": "build_features",
    "checks.features": "check_features",
    "images.embeddings": "embed_images",
    "rejected.images": "embed_images",
    "examples.split": "build_features",
    "examples.pairs": "build_examples",
    "models.versions": "train_models",
    "models.evaluations": "evaluate",
    "candidates.pairs": "generate_candidates",
    "candidates.ease": "generate_candidates",
    "recommendations.lists": "rank_candidates",
    "recommendations.offered": "rank_candidates",
    "recommendations.similar_articles": "find_similar_articles",
}

ARTICLES_CSV = "articles.csv"
CUSTOMERS_CSV = "customers.csv"
TRANSACTIONS_CSV = "transactions_train.csv"
#: Daily drops are `transactions/t_dat=YYYY-MM-DD/*.csv`.
DROPS_FOLDER = "transactions"
IMAGES_FOLDER = "images"


@dataclass(frozen=True)
class Partition:
    """One partition of one data set; its folder is `<layer>/<name>/<key>` under the lake."""

    dataset: str
    key: str

    def __post_init__(self) -> None:
        """Refuse an unknown data set and a key that is not one folder name."""
        if self.dataset not in WRITTEN_BY:
            raise ValueError(f"dataset must be one of {sorted(WRITTEN_BY)}. Got {self.dataset!r}")
        if not self.key or "/" in self.key:
            raise ValueError(f"a partition key must be one folder name. Got {self.key!r}")

    @property
    def folder(self) -> str:
        """The partition's folder, relative to the lake's root."""
        layer, name = self.dataset.split(".")
        return f"{layer}/{name}/{self.key}"

    def __str__(self) -> str:
        """Return `dataset[key]`."""
        return f"{self.dataset}[{self.key}]"


def image_path(article_id: str) -> str:
    """Return an article's image, relative to the data folder.

    >>> image_path("0108775015")
    'images/010/0108775015.jpg'
    """
    return f"{IMAGES_FOLDER}/{article_id[:3]}/{article_id}.jpg"


def report_path(run_id: str, task_id: str) -> str:
    """Return where a task's job leaves its report, relative to the lake's root."""
    safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in run_id)
    return f"reports/{safe}/{task_id}.json"


def checks_path(run_date: str, layer: str) -> str:
    """Return where the page of a layer's checks is, relative to the lake's root."""
    return f"reports/checks/{run_date}-{layer}.html"


def images_page_path(run_date: str) -> str:
    """Return where the page of a run's images is, relative to the lake's root."""
    return f"reports/images/{run_date}.html"
