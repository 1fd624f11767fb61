import pyarrow as pa
import pytest

from recsys.paths import Partition
from recsys.step import Step
from recsys.storage import Lake

OUTPUTS = ("rejected.catalogue", "cleaned.articles")
TABLE = pa.table({"article_key": [2, 3, 4]})


def make_step(lake: Lake, day: str) -> Step:
    return Step(lake, [Partition(name, day) for name in OUTPUTS], {}, {}, "of the same files")


def write(lake: Lake, day: str, *names: str) -> None:
    step = make_step(lake, day)
    for name in names:
        with step.write(name) as draft:
            lake.put_table(draft, TABLE)


@pytest.mark.parametrize("other", ["2020-09-22", "2020-09-24"])
def test_what_a_killed_run_left_is_not_shown_as_its_own_twin(lake: Lake, other: str) -> None:
    write(lake, "2020-09-23", OUTPUTS[0])  # and then the run was killed
    write(lake, other, *OUTPUTS)
    step = make_step(lake, "2020-09-23")
    assert not step.is_current
    assert step.show_same()
    assert step.is_current
    for output in step.outputs:
        assert lake.read(output).equals(TABLE)
        assert lake.fs.ls(f"{lake.root}/{output.folder}", detail=False) == [
            f"{lake.root}/{output.folder}/_manifest.json"
        ]


def test_without_another_day_there_is_nothing_to_show(lake: Lake) -> None:
    write(lake, "2020-09-23", *OUTPUTS)
    assert make_step(lake, "2020-09-24").show_same()
    lake.remove(Partition(OUTPUTS[0], "2020-09-23"))
    assert not make_step(lake, "2020-09-25").show_same()
