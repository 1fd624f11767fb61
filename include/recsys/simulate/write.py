"""A simulated folder in the Kaggle layout, seen whole or not at all."""

import csv
import json
import shutil
import uuid
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from recsys import log
from recsys.errors import ConfigError
from recsys.paths import ARTICLES_CSV, CUSTOMERS_CSV, TRANSACTIONS_CSV, image_path
from recsys.schemas import RAW_ARTICLES, RAW_CUSTOMERS, RAW_TRANSACTIONS
from recsys.simulate.catalogue import PRICE_UNIT, TYPE_NAMES, Catalogue, IntArray, build_catalogue
from recsys.simulate.customers import NEWS, STATUSES, Customers, build_customers
from recsys.simulate.descriptions import product_texts
from recsys.simulate.pictures import draw_picture
from recsys.simulate.plan import Request
from recsys.simulate.transactions import Rows, draw_weeks, seasonal_phase
from recsys.simulate.vocabulary import APPEARANCES, COLOURS, INDEXES, LINES, TYPES, UNKNOWN

MARKER = "_simulated.json"
#: Bytes of a row of transactions_train.csv, and of a picture, rounded up.
ROW_BYTES, IMAGE_BYTES, CUSTOMER_BYTES = 115, 16_000, 160

logger = log.get_logger("simulate")


def simulate(request: Request, out: Path, *, force: bool = False) -> bool:
    """Write the request's folder; return False where it already stands there.

    The folder is filled beside its place and renamed at the end, so that it is never seen half
    written. A folder of another request is replaced; a folder that this function did not write
    is replaced only with `force`.

    Raises:
        ConfigError: the place is taken, cannot be written, or the disk is too small.
    """
    if _holds(request, out) and not force:
        return False
    _check_place(request, out, force=force)
    staged = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}")
    try:
        staged.mkdir(parents=True)
        _fill(request, staged)
        _swap(staged, out)
    except OSError as error:
        raise ConfigError(f"cannot write {out}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return True


def _holds(request: Request, out: Path) -> bool:
    marker = out / MARKER
    try:
        return bool(json.loads(marker.read_text(encoding="utf-8")) == request.as_json())
    except (OSError, ValueError):
        return False


def _check_place(request: Request, out: Path, *, force: bool) -> None:
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out} is a file: --out must name a folder")
    is_own = (out / MARKER).is_file()
    if out.is_dir() and any(out.iterdir()) and not is_own and not force:
        raise ConfigError(
            f"{out} holds files that were not simulated: choose another --out, or replace the"
            " folder with --force"
        )
    existing = next(parent for parent in [out, *out.absolute().parents] if parent.exists())
    needed = (
        request.transactions * ROW_BYTES
        + request.customers * CUSTOMER_BYTES
        + request.images * IMAGE_BYTES
    )
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise ConfigError(
            f"{existing} has {free / 1e9:.1f} GB free and the data need {needed / 1e9:.1f} GB"
        )


def _swap(staged: Path, out: Path) -> None:
    """Put a finished folder into its place; what stood there goes away afterwards."""
    old = staged.with_name(staged.name + ".old")
    if out.exists():
        out.rename(old)
    staged.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def _fill(request: Request, folder: Path) -> None:
    catalogue = build_catalogue(request)
    customers = build_customers(request)
    _write_articles(request, catalogue, folder / ARTICLES_CSV)
    _write_customers(customers, folder / CUSTOMERS_CSV)
    logger.info("articles and customers %s", log.fields(n=len(catalogue), m=len(customers)))
    weeks = draw_weeks(request, catalogue, customers)
    _write_transactions(request, catalogue, customers, weeks, folder / TRANSACTIONS_CSV)
    _write_pictures(request, catalogue, folder)
    (folder / MARKER).write_text(json.dumps(request.as_json(), indent=2) + "\n", encoding="utf-8")


def _write_articles(request: Request, catalogue: Catalogue, path: Path) -> None:
    texts = product_texts(catalogue, request.random("texts"))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(RAW_ARTICLES)
        for at, article_id in enumerate(catalogue.ids):
            name, description = texts[catalogue.product[at]]
            writer.writerow([article_id, article_id[:7], name, *_codes(catalogue, at), description])


def _codes(catalogue: Catalogue, at: int) -> list[str | int]:
    """Return an article's 21 codes and names, from product_type_no to garment_group_name."""
    line, colour = LINES[catalogue.line[at]], COLOURS[catalogue.colour[at]]
    index = INDEXES[line.index_code]
    kind: list[str | int] = [-1, UNKNOWN, UNKNOWN]
    if catalogue.type[at] >= 0:
        known = TYPES[TYPE_NAMES[catalogue.type[at]]]
        kind = [known.no, known.name, known.group]
    look: list[str | int] = [-1, UNKNOWN]
    if catalogue.appearance[at] >= 0:
        look = [
            APPEARANCES[catalogue.appearance[at]].no,
            APPEARANCES[catalogue.appearance[at]].name,
        ]
    is_unknown = bool(catalogue.is_master_unknown[at])
    master = [-1, UNKNOWN] if is_unknown else [colour.master_id, colour.master]
    return [
        *kind, *look, f"{colour.code:02d}", colour.name, colour.value_id, colour.value, *master,
        line.department_no, line.department, line.index_code, index.name, index.group_no,
        index.group_name, line.section_no, line.section, line.garment_no, line.garment,
    ]  # fmt: skip


def _named(position: IntArray, names: tuple[str, ...]) -> pa.Array:
    return pa.array(names).take(pa.array(position, mask=position < 0))


def _write_customers(customers: Customers, path: Path) -> None:
    flag = pa.array(["1"])
    zeros = np.zeros(len(customers), dtype=np.int64)
    columns = [
        pa.array(customers.ids),
        flag.take(pa.array(zeros, mask=~customers.fn)),
        flag.take(pa.array(zeros, mask=~customers.active)),
        _named(customers.status, STATUSES),
        _named(customers.news, NEWS),
        pa.array(customers.age, mask=customers.age < 0),
        pa.array(customers.postal_codes).take(pa.array(customers.postal_code)),
    ]
    _write_csv(path, [pa.table(columns, names=list(RAW_CUSTOMERS))], RAW_CUSTOMERS)


def _write_transactions(
    request: Request,
    catalogue: Catalogue,
    customers: Customers,
    weeks: Iterable[Rows],
    path: Path,
) -> None:
    dates = pa.array(
        [(request.first_date + timedelta(days=at)).isoformat() for at in range(request.days)]
    )
    customer_ids, article_ids = pa.array(customers.ids), pa.array(catalogue.ids)
    # Text, so that the bytes do not depend on how a library writes a number.
    prices = pa.array([repr(c / (100 * PRICE_UNIT)) for c in range(catalogue.cents.max() + 1)])

    def tables() -> Iterable[pa.Table]:
        for rows in weeks:
            columns = [
                dates.take(pa.array(rows.day)),
                customer_ids.take(pa.array(rows.customer)),
                article_ids.take(pa.array(rows.article)),
                prices.take(pa.array(rows.cents)),
                pa.array(rows.channel),
            ]
            logger.debug("week %s", log.fields(rows=len(rows.day)))
            yield pa.table(columns, names=list(RAW_TRANSACTIONS))

    _write_csv(path, tables(), RAW_TRANSACTIONS)


def _write_csv(path: Path, tables: Iterable[pa.Table], header: tuple[str, ...]) -> None:
    """Write tables without any quotes, as Kaggle's files of customers and transactions are."""
    options = pa.csv.WriteOptions(include_header=False, quoting_style="none")
    with path.open("wb") as file:
        file.write((",".join(header) + "\n").encode())
        for table in tables:
            pa.csv.write_csv(table, file, options)


def _write_pictures(request: Request, catalogue: Catalogue, folder: Path) -> None:
    """Draw the articles that sell best in the last week, as many as are wanted."""
    last = request.weeks - 1
    demand = catalogue.demand(last, seasonal_phase(request, last))
    chosen = np.argsort(-(demand + 1e-9 * catalogue.appeal), kind="stable")[: request.images]
    ids = catalogue.ids
    for at in np.sort(chosen).tolist():
        path = folder / image_path(ids[at])
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = draw_picture(catalogue, at, seed=request.seed)
        picture.save(path, format="JPEG", quality=88)
    logger.info("pictures %s", log.fields(n=request.images))
