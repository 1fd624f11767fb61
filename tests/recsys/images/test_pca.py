from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA

from recsys.images.matrix import Matrix
from recsys.images.pca import Reduction, fit_reduction


@pytest.fixture
def fit(tmp_path: Path) -> Callable[..., Reduction]:
    """Fit a reduction to vectors, by way of a file."""

    def fit(data: np.ndarray, **limits: float) -> Reduction:
        return fit_reduction(Matrix.write(tmp_path / "v.npy", [data], shape=data.shape), **limits)

    return fit


def vectors(n: int = 60, dim: int = 12) -> np.ndarray:
    rng = np.random.default_rng(4)
    spread = 3.0 ** -np.arange(dim)
    return (100 + rng.normal(size=(n, dim)) * spread).astype(np.float32)


def test_it_keeps_the_fewest_components_that_hold_the_variance(fit):
    reduction = fit(vectors(), variance=0.95, max_components=256)
    held = np.cumsum(reduction.explained_variance_ratio)
    assert held[-1] >= 0.95
    assert held[-2] < 0.95
    assert reduction.components.shape == (2, 12)
    assert reduction.apply(vectors()).shape == (60, 2)
    assert reduction.apply(vectors()).dtype == np.float32


def test_many_blocks_give_scikit_learns_full_pca_but_for_the_sign(fit):
    """2,500 vectors of 300 numbers, far from zero, as those of a network are."""
    rng = np.random.default_rng(5)
    mixed = rng.gamma(0.5, size=(2500, 40)) @ rng.gamma(0.3, size=(40, 300)) + 50
    data = (mixed + rng.normal(scale=0.1, size=(2500, 300))).astype(np.float32)
    ours = fit(data, variance=0.95, max_components=256)
    theirs = PCA(n_components=0.95, svd_solver="full").fit(data.astype(float))
    assert len(ours.components) == theirs.n_components_ > 20
    signs = np.sign((ours.components * theirs.components_).sum(axis=1))
    expected = theirs.components_ * signs[:, None]
    np.testing.assert_allclose(ours.components, expected, atol=1e-4)
    np.testing.assert_allclose(
        ours.explained_variance_ratio, theirs.explained_variance_ratio_, rtol=1e-4
    )
    np.testing.assert_allclose(
        ours.apply(data) * signs, theirs.transform(data.astype(float)), atol=1e-4
    )


def test_it_reconstructs_as_scikit_learn_does(fit):
    data = vectors()
    reduction = fit(data, variance=0.95, max_components=256)
    ours = reduction.apply(data) @ reduction.components + reduction.mean
    theirs = PCA(n_components=0.95, svd_solver="full").fit(data.astype(float))
    expected = theirs.inverse_transform(theirs.transform(data))
    np.testing.assert_allclose(ours, expected, atol=1e-3)


def test_many_vectors_take_the_covariance_and_agree(fit):
    data = vectors(n=500)
    reduction = fit(data, variance=0.999, max_components=5)
    _, singular, rows = np.linalg.svd(data.astype(float) - data.mean(axis=0), full_matrices=False)
    ratio = singular**2 / (singular**2).sum()
    np.testing.assert_allclose(
        reduction.explained_variance_ratio, ratio[: len(reduction.components)], rtol=1e-3
    )
    overlap = np.abs(np.diag(reduction.components @ rows[: len(reduction.components)].T))
    np.testing.assert_allclose(overlap, 1.0, atol=1e-3)


def test_the_width_is_bounded(fit):
    assert fit(vectors(), variance=1.0, max_components=3).components.shape == (3, 12)
    assert fit(vectors(5), variance=1.0, max_components=99).components.shape == (4, 12)


def test_the_sign_is_fixed(fit):
    data = vectors()
    one = fit(data, variance=0.99, max_components=9).components
    two = fit(data[::-1].copy(), variance=0.99, max_components=9).components
    np.testing.assert_allclose(one, two, atol=1e-4)
    largest = np.abs(one).argmax(axis=1)
    assert (one[np.arange(len(one)), largest] > 0).all()


@pytest.mark.parametrize(
    "data",
    [np.zeros((0, 12)), np.full((1, 12), 7.0), np.full((5, 12), 7.0), np.full((999, 12), 7.0)],
    ids=["none", "one", "equal", "many equal"],
)
def test_without_variance_there_is_nothing_to_keep(fit, data):
    reduction = fit(data.astype(np.float32), variance=0.95, max_components=256)
    assert reduction.components.shape == (0, 12)
    assert reduction.explained_variance_ratio.shape == (0,)
    assert reduction.apply(data.astype(np.float32)).shape == (len(data), 0)
    assert reduction.mean.tolist() == [7.0 if len(data) else 0.0] * 12


def test_it_is_saved_as_three_arrays(fit, tmp_path):
    fit(vectors(), variance=0.95, max_components=256).save(tmp_path / "pca.npz")
    with np.load(tmp_path / "pca.npz") as saved:
        shapes = {name: (saved[name].shape, str(saved[name].dtype)) for name in saved}
    assert shapes == {
        "mean": ((12,), "float32"),
        "components": ((2, 12), "float32"),
        "explained_variance_ratio": ((2,), "float32"),
    }
