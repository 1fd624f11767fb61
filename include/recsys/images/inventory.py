"""Which articles have an image, and the sha256 of each: what has to be embedded."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import pyarrow as pa

from recsys.columns import Columns as C
from recsys.digest import sha256_of_json
from recsys.images.load import Reason
from recsys.paths import IMAGES_FOLDER, image_path
from recsys.schemas import REJECTED
from recsys.store import open_store
from recsys.threads import in_threads_ahead

#: The listing that is kept beside the vectors, so that unchanged files are not read again.
LISTING = pa.schema(
    [
        (C.ARTICLE_KEY, pa.int32()),
        (C.ARTICLE_ID, pa.string()),
        ("stamp", pa.string()),  # size and time, or the store's tag, when the sha256 was taken
        ("sha256", pa.string()),
    ]
)


@dataclass(frozen=True)
class ImageFile:
    """One article's image."""

    article_key: int
    article_id: str
    stamp: str
    sha256: str


class ImageFolder:
    """The images of a data folder (a path or an address); there may be none."""

    def __init__(self, data: str) -> None:
        self.fs, self.root = open_store(data)

    def read(self, article_id: str) -> bytes:
        """Return an image file's bytes."""
        content: bytes = self.fs.cat_file(f"{self.root}/{image_path(article_id)}")
        return content

    def stamps(self) -> dict[str, str] | None:
        """Return what tells a file's versions apart, by path below the data folder.

        None where there is no images folder at all.
        """
        folder = f"{self.root}/{IMAGES_FOLDER}"
        if not self.fs.isdir(folder):
            return None
        files = self.fs.find(folder, detail=True)
        start = len(self.root.rstrip("/")) + 1
        return {path[start:]: _stamp(info) for path, info in files.items()}


def _stamp(info: Mapping[str, object]) -> str:
    version = info.get("ETag") or info.get("mtime") or info.get("LastModified")
    return f"{info.get('size')}-{version}"


@dataclass
class Inventory:
    """The images of the articles, and the articles without one."""

    images: list[ImageFile] = field(default_factory=list)
    #: Article id -> why it has no vector.
    rejected: dict[str, Reason] = field(default_factory=dict)
    has_folder: bool = True

    @property
    def digest(self) -> str:
        """The sha256 of what is there: equal contents give equal digests, whatever their times."""
        images = [(image.article_id, image.sha256) for image in self.images]
        return sha256_of_json([self.has_folder, images, sorted(self.rejected.items())])

    def listing(self) -> pa.Table:
        """Return the images as a table in the layout LISTING."""
        names = LISTING.names
        columns = {name: [getattr(image, name) for image in self.images] for name in names}
        return pa.table(columns, schema=LISTING)

    def rejected_table(self) -> pa.Table:
        """Return the articles without a usable image, in the layout REJECTED."""
        rows = sorted(self.rejected.items())
        columns = {
            C.REASON: [str(reason) for _, reason in rows],
            C.FILE: [image_path(article_id) for article_id, _ in rows],
            C.LINE: [article_id for article_id, _ in rows],
        }
        return pa.table(columns, schema=REJECTED)


def take_inventory(
    folder: ImageFolder,
    articles: pa.Table,
    *,
    known: pa.Table | None = None,
    workers: int | None = None,
) -> Inventory:
    """Return the images of the articles, ordered by article key.

    Args:
        folder: where the images are; without an images folder nothing is rejected as missing.
        articles: article_key and article_id of those that count; other files are ignored.
        known: an earlier listing; a file whose stamp is the same is not read again.
        workers: files read at the same time; None: one a core.
    """
    stamps = folder.stamps()
    if stamps is None:
        return Inventory(has_folder=False)
    rows = articles.select([C.ARTICLE_KEY, C.ARTICLE_ID]).sort_by(C.ARTICLE_KEY)
    keys, ids = (rows.column(name).to_pylist() for name in (C.ARTICLE_KEY, C.ARTICLE_ID))
    found = {i: stamp for i in ids if (stamp := stamps.get(image_path(i))) is not None}
    earlier = _earlier(known)
    digests = {i: earlier[i, stamp] for i, stamp in found.items() if (i, stamp) in earlier}
    unread = [i for i in found if i not in digests]
    workers = workers or os.cpu_count() or 1
    read = in_threads_ahead(partial(_sha256, folder), unread, workers=workers, ahead=4 * workers)
    digests |= {i: digest for i, digest in zip(unread, read, strict=True) if digest is not None}
    inventory = Inventory()
    for key, article_id in zip(keys, ids, strict=True):
        if article_id in digests:
            image = ImageFile(key, article_id, found[article_id], digests[article_id])
            inventory.images.append(image)
        else:
            reason = Reason.UNREADABLE if article_id in found else Reason.MISSING
            inventory.rejected[article_id] = reason
    return inventory


def _earlier(known: pa.Table | None) -> dict[tuple[str, str], str]:
    """Return the sha256 of each article's file, by article and stamp."""
    if known is None:
        return {}
    ids, stamps, digests = (known[name].to_pylist() for name in (C.ARTICLE_ID, "stamp", "sha256"))
    return dict(zip(zip(ids, stamps, strict=True), digests, strict=True))


def _sha256(folder: ImageFolder, article_id: str) -> str | None:
    try:
        return hashlib.sha256(folder.read(article_id)).hexdigest()
    except OSError:
        return None
