"""A two-tower model of tensorflow-recommenders on the same positives, timed.

`bench_train` runs it in an environment of its own, with legacy Keras; it imports nothing of ours.

Usage: python benchmarks/train/peer_tfrs.py --folder F --out F.json --optimizer adam|adagrad
    [--batch-size 1024] [--epochs 3] [--vectors V]

It sees what this project's towers see, from the same arrays, except that a customer's history is
an embedding of the customer, as in the library's tutorials: customer and article embeddings (by
integer, no string lookup), embeddings of the categories, numbers, and image vectors. The loss is
`tfrs.tasks.Retrieval` with temperature, sampling probabilities and accidental hits removed, over a
batch's positives; no metrics. Batches come from tf.data, prefetched; training is `model.fit`. With
--vectors it also writes, after each epoch, the vectors of those who are judged (see `learning`).
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

DIM, UNITS, TEMPERATURE = 32, 128, 0.1
#: Batches that are ready ahead of the step.
PREFETCHED = 4
#: The last of the article's categories is the article itself, which has an embedding of its own.
OWN = -1


class Tower(tf.keras.Model):
    """Embeddings of an id and of categories, with dense features, into unit vectors [n, DIM]."""

    def __init__(self, ids, codes):
        super().__init__()
        sizes = codes.max(axis=0) + 1
        self.codes = tf.constant((codes + np.cumsum(sizes) - sizes).astype(np.int32))
        self.ids = tf.keras.layers.Embedding(ids, DIM)
        self.categories = tf.keras.layers.Embedding(int(sizes.sum()), DIM)
        self.layers_on_top = tf.keras.Sequential(
            [
                tf.keras.layers.Dense(UNITS, activation="relu"),
                tf.keras.layers.LayerNormalization(),
                tf.keras.layers.Dense(DIM),
            ]
        )

    def call(self, ids, rows, dense):
        """`rows` are those of the codes; `dense` is a list of [n, width]."""
        categories = tf.reduce_sum(self.categories(tf.gather(self.codes, rows)), axis=1)
        features = tf.concat([self.ids(ids), categories, *dense], axis=1)
        return tf.math.l2_normalize(self.layers_on_top(features), axis=1)


class TwoTower(tfrs.Model):
    """Both towers, and the arrays that batches gather from."""

    def __init__(self, arrays):
        super().__init__()
        names = ("customer_numbers", "article_numbers", "image_vectors", "positive_shares")
        self.data = {name: tf.constant(arrays[name]) for name in names}
        # One more, which nothing trains, for customers who are only judged.
        customers = int(arrays["customers"].max()) + 2
        self.query = Tower(customers, arrays["customer_categories"])
        codes = arrays["article_categories"]
        self.candidate = Tower(len(codes), codes[:, :OWN])
        self.task = tfrs.tasks.Retrieval(temperature=TEMPERATURE, remove_accidental_hits=True)

    def compute_loss(self, features, training=False):
        """Return the softmax loss over the batch."""
        articles, statistics = features["article"], features["statistic"]
        rows = features["customer_row"]
        numbers = self._get("article_numbers", statistics)
        images = self._get("image_vectors", articles)
        return self.task(
            self.query(features["customer"], rows, [self._get("customer_numbers", rows)]),
            self.candidate(articles, articles, [numbers, images]),
            candidate_sampling_probability=self._get("positive_shares", statistics),
            candidate_ids=articles,
            compute_metrics=False,
        )

    def vectors(self, customers, articles):
        """Return the vectors of customers [n], the last n rows, and of all so many articles."""
        numbers, keys = self.data["customer_numbers"], tf.range(articles)
        rows = tf.range(len(numbers) - len(customers), len(numbers))
        statistics = self.data["article_numbers"][-articles:]
        return (
            self.query(customers, rows, [tf.gather(numbers, rows)]),
            self.candidate(keys, keys, [statistics, self.data["image_vectors"]]),
        )

    def _get(self, name, rows):
        return tf.gather(self.data[name], rows)


def main(argv=None):
    """Train, and write the seconds of each epoch after the first steps."""
    parser = argparse.ArgumentParser(prog="peer_tfrs", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--optimizer", choices=("adam", "adagrad"), required=True)
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--vectors", type=Path)
    args = parser.parse_args(argv)
    tf.keras.utils.set_random_seed(1)
    arrays = {p.stem: np.load(p, mmap_mode="r") for p in args.folder.glob("*.npy")}
    rows = arrays["rows"]
    articles, snapshots = arrays["articles"][rows, 0], arrays["snapshots"][rows]
    columns = {
        "customer": arrays["customers"][rows],
        "customer_row": arrays["customer_rows"][rows],
        "article": articles,
        "statistic": articles + snapshots * len(arrays["article_categories"]),
    }
    tensors = {name: tf.constant(column) for name, column in columns.items()}
    model = TwoTower(arrays)
    model.compile(
        optimizer=tf.keras.optimizers.Adam(0.001)
        if args.optimizer == "adam"
        else tf.keras.optimizers.Adagrad(0.1)
    )
    # The thread that tunes a dataset sleeps twice as long each time, from 10 ms on, and an epoch
    # ends only when it wakes: one of 10.3 s took 20.5.
    options = tf.data.Options()
    options.autotune.enabled = False
    numbers = tf.data.Dataset.from_tensor_slices(tf.range(len(rows)))
    dataset = (
        numbers.shuffle(len(rows), seed=1)
        .batch(args.batch_size)
        .map(lambda i: {name: tf.gather(tensor, i) for name, tensor in tensors.items()})
        .prefetch(PREFETCHED)
        .with_options(options)
    )
    model.fit(dataset.take(3), verbose=0)
    seconds = []
    for epoch in range(args.epochs):
        started = time.monotonic()
        model.fit(dataset, verbose=0)
        seconds.append(round(time.monotonic() - started, 2))
        if args.vectors:
            found = model.vectors(arrays["judged_customers"], len(arrays["is_on_sale"]))
            for name, vectors in zip(("customers", "articles"), found, strict=True):
                np.save(args.vectors / f"{epoch}-{name}.npy", vectors.numpy())
    args.out.write_text(json.dumps(seconds), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
