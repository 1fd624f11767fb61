import csv
import hashlib
import json
import shutil
from pathlib import Path

import pytest

from recsys.errors import ConfigError
from recsys.simulate import write
from recsys.simulate.write import simulate

CSV_FILES = ("articles.csv", "customers.csv", "transactions_train.csv")


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_a_folder_has_the_kaggle_layout(tiny, tmp_path):
    simulate(tiny(), tmp_path / "data")
    files = list(digests(tmp_path / "data"))
    images = [name for name in files if name.startswith("images/")]
    assert sorted(set(files) - set(images)) == [
        "_simulated.json",
        "articles.csv",
        "customers.csv",
        "transactions_train.csv",
    ]
    ids = {line[:10] for line in (tmp_path / "data/articles.csv").read_text().splitlines()[1:]}
    assert len(images) == 3
    for image in images:
        article_id = Path(image).stem
        assert article_id in ids
        assert image == f"images/{article_id[:3]}/{article_id}.jpg"


def test_the_columns_are_kaggles(simulated):
    heads = {name: (simulated.path / name).read_text().split("\n", 1)[0] for name in CSV_FILES}
    assert heads == {
        "articles.csv": (
            "article_id,product_code,prod_name,product_type_no,product_type_name,"
            "product_group_name,graphical_appearance_no,graphical_appearance_name,"
            "colour_group_code,colour_group_name,perceived_colour_value_id,"
            "perceived_colour_value_name,perceived_colour_master_id,perceived_colour_master_name,"
            "department_no,department_name,index_code,index_name,index_group_no,index_group_name,"
            "section_no,section_name,garment_group_no,garment_group_name,detail_desc"
        ),
        "customers.csv": (
            "customer_id,FN,Active,club_member_status,fashion_news_frequency,age,postal_code"
        ),
        "transactions_train.csv": "t_dat,customer_id,article_id,price,sales_channel_id",
    }


def test_the_sizes_are_those_asked_for(simulated):
    assert len(simulated.articles) == 4000
    assert len(simulated.customers) == 4000
    assert len(simulated.transactions) == 90_000
    assert len(list((simulated.path / "images").rglob("*.jpg"))) == 60


def test_only_fields_that_need_quotes_have_them(simulated):
    assert '"' not in (simulated.path / "transactions_train.csv").read_text()
    assert '"' not in (simulated.path / "customers.csv").read_text()
    text = (simulated.path / "articles.csv").read_text()
    assert text.count("\n") == 4001  # no line breaks within a field
    with (simulated.path / "articles.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert {len(row) for row in rows} == {25}
    assert any('reads ""Hej!"" on' in line for line in text.splitlines())
    assert ',"Womens Swimwear, beachwear",' in text
    assert "Tencel™" in text


def test_the_same_seed_gives_the_same_bytes(tiny, tmp_path):
    simulate(tiny(), tmp_path / "a")
    simulate(tiny(), tmp_path / "b")
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_the_bytes_are_those_of_format_1(tiny, tmp_path):
    """When they must change, raise FORMAT, so that older folders are written anew."""
    simulate(tiny(), tmp_path / "data")
    together = hashlib.sha256(
        b"".join((tmp_path / "data" / name).read_bytes() for name in CSV_FILES)
    )
    assert together.hexdigest()[:16] == "f51483230e818309"


def test_another_seed_gives_other_files(tiny, tmp_path):
    simulate(tiny(), tmp_path / "a")
    simulate(tiny(seed=2), tmp_path / "b")
    first, second = digests(tmp_path / "a"), digests(tmp_path / "b")
    assert [name for name in first if first[name] == second.get(name)] == []


def test_the_same_request_is_not_written_twice(tiny, tmp_path):
    out = tmp_path / "data"
    assert simulate(tiny(), out) is True
    (out / "customers.csv").write_text("marked")
    assert simulate(tiny(), out) is False
    assert (out / "customers.csv").read_text() == "marked"
    assert simulate(tiny(), out, force=True) is True
    assert (out / "customers.csv").read_text() != "marked"


def test_another_request_replaces_a_simulated_folder(tiny, tmp_path):
    out = tmp_path / "data"
    simulate(tiny(), out)
    assert simulate(tiny(customers=31, images=0), out) is True
    assert json.loads((out / "_simulated.json").read_text())["customers"] == 31
    assert len((out / "customers.csv").read_text().splitlines()) == 32
    assert not (out / "images").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_folder_of_somebody_elses_is_not_replaced(tiny, tmp_path):
    out = tmp_path / "data"
    out.mkdir()
    (out / "articles.csv").write_text("real")
    with pytest.raises(ConfigError, match="holds files that were not simulated"):
        simulate(tiny(), out)
    assert (out / "articles.csv").read_text() == "real"
    assert simulate(tiny(), out, force=True) is True


def test_an_empty_folder_is_filled(tiny, tmp_path):
    (tmp_path / "data").mkdir()
    assert simulate(tiny(), tmp_path / "data") is True


def test_a_file_is_not_a_folder(tiny, tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(ConfigError, match="is a file: --out must name a folder"):
        simulate(tiny(), tmp_path / "data", force=True)


def test_a_folder_that_cannot_be_made_is_one_sentence(tiny, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot write .*/file/data: Not a directory"):
        simulate(tiny(), tmp_path / "file" / "data")


def test_a_disk_that_is_too_small_is_refused_before_anything_is_written(
    tiny, tmp_path, monkeypatch
):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 8, 1_000))
    with pytest.raises(ConfigError, match=r"has 0.0 GB free and the data need 11.5 GB"):
        simulate(tiny(transactions=100_000_000), tmp_path / "data")
    assert list(tmp_path.iterdir()) == []


def test_nothing_half_written_is_left(tiny, tmp_path, monkeypatch):
    simulate(tiny(), tmp_path / "data")
    before = digests(tmp_path / "data")

    def fail(*_: object) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr(write, "_write_pictures", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        simulate(tiny(seed=2), tmp_path / "data")
    assert digests(tmp_path / "data") == before
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize(
    "sizes",
    [
        {"customers": 1, "articles": 1, "transactions": 1, "images": 1},
        {"customers": 1, "articles": 1, "transactions": 50, "images": 0, "days": 7},
        {"customers": 500, "articles": 2, "transactions": 10, "images": 2},
        {"customers": 3, "articles": 5, "transactions": 2000, "images": 0, "days": 8},
    ],
)
def test_extreme_sizes_are_met_exactly(tiny, tmp_path, sizes):
    simulate(tiny(**sizes), tmp_path / "data")
    lines = {
        name: len((tmp_path / "data" / name).read_text().splitlines()) - 1 for name in CSV_FILES
    }
    assert lines == {
        "articles.csv": sizes["articles"],
        "customers.csv": sizes["customers"],
        "transactions_train.csv": sizes["transactions"],
    }
