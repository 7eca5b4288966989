from __future__ import annotations

import csv
from io import StringIO

from reports.make_result import done, picture, refused
from spondyl.core.result import DISCLAIMER
from spondyl.reports import findings_csv


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text)))


def test_the_table_has_the_numbers_of_the_json():
    result = done(picture())
    rows = [row for row in table(findings_csv(result)) if row["kind"] == "finding"]
    for row, item in zip(rows, result.as_dict()["findings"], strict=True):
        assert row["name"] == item["finding"]
        assert row["level"] == item["level"]
        assert row["value"] == str(item["value"])
        assert float(row["probability"]) == item["probabilities"][str(item["value"])]
        assert dict(pair.split("=") for pair in row["probabilities"].split()) == {k: str(v) for k, v in item["probabilities"].items()}
        assert [float(row[name]) for name in ("x0", "y0", "x1", "y1")] == item["box"]
        assert row["refer"] == ("yes" if item["refer"] else "no")


def test_measurements_and_warnings_are_lines_too():
    rows = {row["kind"]: row for row in table(findings_csv(done(picture())))}
    assert (rows["measurement"]["value"], rows["measurement"]["unit"], rows["measurement"]["error"]) == ("7.94", "mm", "0.8")
    assert rows["warning"]["value"] == "the spacing is unknown, so nothing is said in mm"


def test_a_refusal_is_one_line_that_says_why():
    (row,) = table(findings_csv(refused()))
    assert (row["kind"], row["name"]) == ("refused", "not-sagittal")
    assert row["value"] == 'the image is axial, "sagittal" is wanted'


def test_evidence_and_disclaimer_stand_on_every_line():
    for row in table(findings_csv(done(picture()))):
        assert (row["evidence"], row["bundle"], row["disclaimer"]) == ("real", "mri-discs 1.2.3", DISCLAIMER)
