from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from recsys.paths import image_path
from recsys.simulate.catalogue import TYPE_NAMES, build_catalogue
from recsys.simulate.pictures import PATTERNS, draw_picture
from recsys.simulate.plan import Request
from recsys.simulate.vocabulary import APPEARANCES, TYPES


def test_a_picture_is_a_three_by_four_jpeg(simulated):
    paths = sorted((simulated.path / "images").rglob("*.jpg"))
    assert len(paths) == 60
    for path in paths:
        with Image.open(path) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (240, 320))
        assert Path(image_path(path.stem)) == path.relative_to(simulated.path)


def test_the_best_sellers_of_the_last_weeks_have_pictures(simulated):
    pictured = {path.stem for path in (simulated.path / "images").rglob("*.jpg")}
    last = simulated.transactions[simulated.transactions.t_dat > "2020-08-22"].article_id
    # 60 of 4,000 articles.
    assert last.isin(pictured).mean() > 0.1


def test_articles_alike_look_alike():
    catalogue = build_catalogue(Request(articles=1500, images=0, seed=2))
    kinds = list(zip(catalogue.type, catalogue.colour, catalogue.appearance, strict=True))
    groups: dict[tuple[int, ...], list[int]] = {}
    for at, kind in enumerate(kinds):
        groups.setdefault(tuple(kind), []).append(at)
    twins = [members[:2] for members in groups.values() if len(members) > 1][:40]
    pictures = {
        at: np.asarray(draw_picture(catalogue, at, seed=2), dtype=float)
        for pair in twins
        for at in pair
    }

    def away(a: int, b: int) -> float:
        return float(np.abs(pictures[a] - pictures[b]).mean())

    same = [away(a, b) for a, b in twins]
    other = [away(a, c) for (a, _), (c, _) in pairwise(twins)]
    assert len(same) == 40
    assert np.mean(same) < 0.5 * np.mean(other)
    assert min(same) > 0  # alike, and yet each its own picture


def test_every_type_and_pattern_can_be_drawn():
    catalogue = build_catalogue(Request(articles=6000, images=0, seed=2))
    drawn = set()
    for at in range(len(catalogue)):
        kind = (int(catalogue.type[at]), int(catalogue.appearance[at]))
        if kind[0] in {k for k, _ in drawn} and kind[1] in {a for _, a in drawn}:
            continue
        drawn.add(kind)
        assert draw_picture(catalogue, at, seed=1).size == (240, 320)
    assert {k for k, _ in drawn} >= set(range(len(TYPE_NAMES)))
    assert {a for _, a in drawn} >= set(range(len(APPEARANCES)))
    assert {a.pattern for a in APPEARANCES} == set(PATTERNS)
    assert len(TYPES) == 44
