"""What `--out` writes of one answer."""

from __future__ import annotations

from pathlib import Path

from reports.make_film import film_result
from spondyl.apps.outputs import Folder
from spondyl.core import TaskOutput
from spondyl.reports import annotated_png


def pictures(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob("annotated*.png"), key=lambda path: (len(path.name), path.name))]


def test_each_film_of_a_study_has_a_picture_with_its_own_marks(tmp_path: Path):
    study, result, _ = film_result("ap", "lateral", "lateral")
    assert Folder(tmp_path).write(study, TaskOutput(result)) == ()
    folder = tmp_path / study.key / result.task
    assert {path.name for path in folder.glob("*.png")} == {"annotated.png", "annotated-2.png", "annotated-3.png"}
    assert pictures(folder) == [annotated_png(image, result) for image in study.images]


def test_a_picture_of_a_film_that_is_no_longer_in_the_study_does_not_stay(tmp_path: Path):
    for views in (("ap", "lateral", "lateral"), ("ap", "lateral"), ("ap",)):
        study, result, _ = film_result(*views)
        Folder(tmp_path).write(study, TaskOutput(result))
        assert len(pictures(tmp_path / study.key / result.task)) == len(views)
