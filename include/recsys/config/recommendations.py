"""Settings of what is recommended: how much, of which articles, and how mixed a list is."""

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from recsys.config.frozen import Frozen, NonNegativeFloat, PositiveInt, Share

Policy = Literal["all", "last_n_days", "none"]
#: Names as cleaned.articles and recs.articles have them, such as `Trousers`.
Names = tuple[Annotated[str, Field(min_length=1)], ...]


class ArticlesConfig(Frozen):
    """Which of the articles on sale may be recommended at all; as it stands here, all of them."""

    #: Where any are named, only these.
    product_types: Names = ()
    departments: Names = ()
    index_groups: Names = ()
    #: Never these.
    without_product_types: Names = ()
    without_departments: Names = ()
    without_index_groups: Names = ()
    #: Of the mean price, in H&M's own scaled unit (median 0.025); both included. Articles that
    #: were never sold have no price, and are outside of every band.
    min_price: NonNegativeFloat | None = None
    max_price: NonNegativeFloat | None = None
    #: A CSV file with a column `article_id`: never these. In the data folder, or an address.
    out_of_stock: str | None = None

    @model_validator(mode="after")
    def _band_is_not_empty(self) -> "ArticlesConfig":
        low, high = self.min_price, self.max_price
        if low is not None and high is not None and low > high:
            raise ValueError(f"min_price must be at most max_price. Got {low} and {high}")
        return self


class RecommendationsConfig(Frozen):
    """What is published. `policy` says which past purchases may not be recommended."""

    k: Annotated[int, Field(ge=1, le=100)] = 12
    policy: Policy = "all"
    #: With policy `last_n_days`: purchases of the last so many days are left out.
    policy_days: PositiveInt = 30
    articles: ArticlesConfig = ArticlesConfig()
    #: At most so many articles of one product code, and of one product type, in a list.
    max_per_product: PositiveInt | None = None
    max_per_type: PositiveInt | None = None
    #: At least this share of a list, rounded up to whole places, are new articles: those first
    #: sold in the last so many days.
    new_share: Share = 0.0
    new_days: PositiveInt = 28
    similar_articles: PositiveInt = 12
    #: Of two articles' similarity: how much it says that they are bought together; of the rest, how
    #: much their images say, and then the towers' vectors. With shares of 0 and 1: images alone.
    similar_copurchase_share: Share = 0.25
    similar_image_share: Share = 0.5
    popular_articles: PositiveInt = 100

    @property
    def new_places(self) -> int:
        """How many of a list's k places are for new articles.

        >>> RecommendationsConfig(k=12, new_share=0.25).new_places
        3
        >>> RecommendationsConfig(k=10, new_share=0.3).new_places
        3
        """
        return math.ceil(self.k * self.new_share - 1e-9)

    @property
    def mixes_lists(self) -> bool:
        """Whether a list may be another one than its best scores make it."""
        return bool(self.max_per_product or self.max_per_type or self.new_places)


#: The settings of RecommendationsConfig that decide which lists are right.
POLICIES = frozenset(
    {
        "k", "policy", "policy_days", "articles", "max_per_product", "max_per_type", "new_share",
        "new_days",
    }
)  # fmt: skip
