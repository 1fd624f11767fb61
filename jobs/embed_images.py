"""Embed product images with ResNet152 and reduce the vectors with PCA.

Only images that are new or changed since the last run are embedded. Without an images folder the
outcome is empty, and everything after it goes on without pictures. A page shows what came of them.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from recsys.images.contact import ContactSheet
from recsys.images.embed import Embedding, embed_missing
from recsys.images.engines.choose import choose_engine
from recsys.images.inventory import ImageFolder, Inventory, take_inventory
from recsys.images.layout import REDUCED, read_listing, stored_vectors, write_vectors
from recsys.images.matrix import Matrix
from recsys.images.page import render
from recsys.images.resnet import load_network
from recsys.images.store import VectorStore
from recsys.images.weights import identify_weights
from recsys.job import ALL_TIME, Job, run_job
from recsys.paths import images_page_path
from recsys.storage import Draft

ARTICLE_COLUMNS = ["article_key", "article_id", "prod_name", "colour_group_name"]
#: Settings that change what the vectors are; weights and engine count by the generation.
RESULT = {"max_pixels", "pca_variance", "pca_max_components"}


def build(job: Job) -> None:
    """Read the articles and their images, embed what is new, write the vectors and the rejects."""
    images, seed, reuse = job.config.images, job.config.seed, not job.args.force
    articles = job.partition("cleaned.articles")
    output = job.partition("images.embeddings", ALL_TIME)
    weights, engine = identify_weights(images, seed=seed, lake=job.lake), choose_engine(images)
    generation = weights.generation(engine.numerics)
    folder = ImageFolder(job.config.data)
    catalogue = job.lake.read(articles, columns=ARTICLE_COLUMNS)
    known = read_listing(job.lake, output) if reuse else None
    inventory = take_inventory(folder, catalogue, known=known, workers=images.workers)
    settings = images.model_dump(include=RESULT)
    settings |= {"generation": generation, "images": inventory.digest}
    step = job.step([output, "rejected.images"], inputs=[articles], settings=settings)
    job.facts["page"] = job.lake.address(images_page_path(job.run_date.isoformat()))
    if step.is_current:
        return
    scratch = Path(job.config.state) / "embeddings" / generation
    with stored_vectors(job.lake, output, scratch, generation=generation, reuse=reuse) as store:
        start = partial(
            engine.build, partial(load_network, weights, seed=seed), batch_size=images.batch_size
        )
        run = embed_missing(inventory, folder, store, start, config=images, logger=job.logger)
        job.facts |= run.facts()
        with step.write("images.embeddings") as draft:
            draft.notes |= {"weights": weights.note, "engine": engine.numerics}
            draft.notes["generation"] = generation
            draft.counts |= run.counts(inventory)
            sheet = ContactSheet.of(folder, catalogue, max_pixels=images.max_pixels)
            _write_vectors(job, draft, inventory, store, run=run, sheet=sheet)
    with step.write("rejected.images") as draft:
        job.lake.put_table(draft, inventory.rejected_table())
        draft.counts |= Counter(str(reason) for reason in inventory.rejected.values())
    store.clear()


def _write_vectors(
    job: Job,
    draft: Draft,
    inventory: Inventory,
    store: VectorStore,
    *,
    run: Embedding,
    sheet: ContactSheet,
) -> None:
    """Write the vectors and the page about them."""
    images = job.config.images
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reduction = write_vectors(folder, inventory, store, images)
        pictures = sheet.rows(inventory, Matrix(folder / REDUCED), seed=job.config.seed)
        page = render(
            inventory, reduction, pictures, run_date=job.run_date, variance=images.pca_variance,
            facts={**draft.notes, **draft.counts, **run.facts()},
        )  # fmt: skip
        job.lake.write_text(images_page_path(job.run_date.isoformat()), page)
        for file in sorted(folder.iterdir()):
            job.lake.put(draft, file.name, file)
    draft.rows = len(inventory.images)
    draft.notes["components"] = len(reduction.components)
    draft.notes["has_folder"] = inventory.has_folder


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job from its command line and return its exit code."""
    return run_job(build, argv, name="embed_images", description=__doc__)


if __name__ == "__main__":
    sys.exit(main())
