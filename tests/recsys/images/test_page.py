from datetime import date

import numpy as np
import pytest

from recsys.images.contact import Picture
from recsys.images.inventory import ImageFile, Inventory
from recsys.images.load import Reason
from recsys.images.page import REASONS, rejects, render, variance_points
from recsys.images.pca import Reduction

RATIO = np.array([0.6, 0.3, 0.06], np.float32)
REDUCTION = Reduction(np.zeros(5, np.float32), np.zeros((3, 5), np.float32), RATIO)
ROW = [
    Picture("0100000001", "Top, <Red>", "data:image/jpeg;base64,AAAA", 1.0),
    Picture("0200000001", "Top, Blue", "data:image/jpeg;base64,BBBB", 0.98765),
]


def page(inventory: Inventory, **other: object) -> str:
    arguments = {"run_date": date(2020, 9, 23), "variance": 0.95, "facts": {"engine": "x-y-z"}}
    return render(inventory, REDUCTION, [ROW], **{**arguments, **other})


def test_it_shows_counts_reasons_variance_and_pictures():
    images = [ImageFile(key, f"0{key:09d}", "s", "sha") for key in range(2, 1502)]
    text = page(Inventory(images, {"0300000001": Reason.EMPTY, "0400000001": Reason.MISSING}))
    for part in (
        "<b>1,500</b>", "<b>x-y-z</b>", "image_empty", "An empty file", "0300000001",
        "3 components hold 96.0 %", "95.0 % is asked for", "Top, &lt;Red&gt;", "0.988",
        'src="data:image/jpeg;base64,BBBB"',
    ):  # fmt: skip
        assert part in text, part
    assert "http" not in text  # nothing is fetched


def test_without_images_it_says_so():
    assert "There is no images folder" in page(Inventory(has_folder=False))
    assert "Without a vector" not in page(Inventory())


def test_reasons_come_by_their_number_with_a_few_articles():
    found = rejects({f"0{n}": Reason.MISSING if n else Reason.EMPTY for n in range(9)})
    assert [(row["reason"], row["count"], row["examples"]) for row in found] == [
        ("image_missing", 8, ["01", "02", "03", "04", "05", "06"]),
        ("image_empty", 1, ["00"]),
    ]


def test_every_reason_has_words():
    assert set(REASONS) == set(Reason)


def test_the_line_rises_from_nothing_to_what_is_held():
    assert variance_points(np.cumsum(RATIO)) == "0.0,180.0 160.0,72.0 320.0,18.0 480.0,7.2"
    assert variance_points(np.zeros(0)) == "0.0,180.0"
    assert float(np.cumsum(RATIO)[-1]) == pytest.approx(0.96)
