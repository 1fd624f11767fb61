from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa

from recsys import schemas
from recsys.examples.encode import Encoder
from recsys.models.batches import Examples, batches, collect_examples, read_positives
from recsys.models.inputs import Snapshot

DAY, LATER = date(2020, 9, 2), date(2020, 9, 9)


def _pairs(rows: list[tuple[date, int, int, int, int]]) -> pa.Table:
    full = [("train", cutoff, *rest, cutoff) for cutoff, *rest in rows]
    names = schemas.EXAMPLES_PAIRS.names
    return pa.Table.from_pylist(
        [dict(zip(names, row, strict=True)) for row in full], schemas.EXAMPLES_PAIRS
    )


def test_a_row_is_a_positive_with_its_negatives_behind_it() -> None:
    positives = read_positives(
        _pairs(
            [
                (LATER, 9, 5, 14, 1),
                (DAY, 1, 7, 30, 0),
                (DAY, 1, 7, 12, 1),
                (DAY, 0, 6, 11, 1),
                (DAY, 1, 7, 20, 0),
                (DAY, 0, 6, 40, 0),
            ]
        )
    )
    assert [p.cutoff for p in positives] == [DAY, LATER]
    assert positives[0].customers.tolist() == [6, 7]
    assert positives[0].articles.tolist() == [[11, 40, 0], [12, 20, 30]]
    assert positives[1].articles.tolist() == [[14]]


def test_examples_point_into_the_rows_of_their_own_snapshot(
    snapshot: Snapshot, encoder: Encoder
) -> None:
    later = replace(
        snapshot,
        cutoff=LATER,
        customer_numbers=snapshot.customer_numbers + 1,
        article_numbers=snapshot.article_numbers + 1,
    )
    pairs = [(DAY, 0, 6, 11, 1), (DAY, 0, 6, 12, 0), (LATER, 1, 6, 13, 1), (LATER, 1, 6, 11, 0)]
    first, second = read_positives(_pairs(pairs))
    examples, _ = collect_examples([(snapshot, first), (later, second)], encoder)
    assert len(examples) == 2
    assert examples.customer_rows.tolist() == [0, 1]
    assert examples.snapshots.tolist() == [0, 1]
    assert np.allclose(examples.customer_numbers[1] - examples.customer_numbers[0], 1)
    size = len(snapshot.is_on_sale)
    assert np.allclose(examples.article_numbers[size:] - examples.article_numbers[:size], 1)


def test_shares_are_of_the_articles_own_snapshot(snapshot: Snapshot, encoder: Encoder) -> None:
    pairs = [(DAY, i, 6 + i, article, 1) for i, article in enumerate([11, 11, 11, 12])]
    pairs += [(DAY, i, 6 + i, 13, 0) for i in range(4)]
    examples, _ = collect_examples([(snapshot, p) for p in read_positives(_pairs(pairs))], encoder)
    assert examples.positive_shares[[11, 12, 13]].tolist() == [0.75, 0.25, 0.0]
    # Each of the 42 rows counts one more than its draws: (4 + 1) and 1 of 46.
    assert np.allclose(examples.negative_shares[[13, 11]], [5 / 46, 1 / 46])


def test_pair_features_are_standardised_by_real_training_pairs(
    snapshot: Snapshot, encoder: Encoder, pairs: pa.Table
) -> None:
    examples, fitted = collect_examples([(snapshot, p) for p in read_positives(pairs)], encoder)
    assert len(fitted.interactions) == examples.interactions.shape[2]
    columns = examples.interactions.reshape(-1, examples.interactions.shape[2]).astype(np.float32)
    varied = columns.std(axis=0) > 0
    assert varied.sum() > 5
    assert np.allclose(columns[:, varied].mean(axis=0), 0, atol=0.01)
    assert np.allclose(columns[:, varied].std(axis=0), 1, atol=0.02)


def test_an_epoch_visits_every_positive_once_and_no_batch_mixes_snapshots(
    snapshot: Snapshot, encoder: Encoder, pairs_maker: Callable[..., pa.Table]
) -> None:
    both = pa.concat_tables([pairs_maker(DAY), pairs_maker(LATER, seed=5)])
    blocks = [(replace(snapshot, cutoff=p.cutoff), p) for p in read_positives(both)]
    examples, _ = collect_examples(blocks, encoder)
    epoch = list(batches(examples, 100, np.random.default_rng(1)))
    assert sorted(np.concatenate(epoch).tolist()) == list(range(len(examples)))
    assert max(map(len, epoch)) <= 100
    assert [len(set(examples.snapshots[b].tolist())) for b in epoch] == [1] * len(epoch)
    again = list(batches(examples, 100, np.random.default_rng(1)))
    assert all(np.array_equal(a, b) for a, b in zip(epoch, again, strict=True))
    other = list(batches(examples, 100, np.random.default_rng(2)))
    assert not all(np.array_equal(a, b) for a, b in zip(epoch, other, strict=True))


def test_positives_of_a_customer_follow_each_other(examples: tuple[Examples, Encoder]) -> None:
    data, _ = examples  # six positives a customer
    generator = np.random.default_rng(1)
    orders = []
    for _ in range(2):
        (rows,) = batches(data, len(data), generator)
        people = data.customer_rows[rows].reshape(-1, 6)
        assert (people == people[:, :1]).all()
        orders.append(people[:, 0].tolist())
    assert orders[0] != orders[1]
