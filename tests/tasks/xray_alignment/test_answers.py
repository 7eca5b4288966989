"""What is said of a column, in the words of result.json."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spondyl.metrics.spine_curves import Curve
from spondyl.tasks.xray_alignment.angles import Angled, measure_angles
from spondyl.tasks.xray_alignment.answers import curve_rows, measurements_of, scoliosis_finding, side_of, vertebra_findings
from spondyl.tasks.xray_alignment.corners import Corners
from spondyl.tasks.xray_alignment.naming import name_column
from spondyl.tasks.xray_alignment.reading import Column
from spondyl.tasks.xray_alignment.shapes import SHAPES

from .columns import FILM, column, film, spine

SETTINGS = {"naming": {"sharpness": 0.5, "least": 0.6}, "score": {"slope": 1.0, "shift": 0.0},
            "seen": {"slope": 1.0, "shift": 0.0}, "measures": dict.fromkeys(SHAPES, 1.6),
            "angles": {"plate_strength": 0.0, "mid_strength": 0.0, "plate_factor": 1.6, "mid_factor": 1.6}}


def angled(angle: float, error: float) -> Angled:
    curve = Curve(angle, angle, 2, 8, 5, 1)
    return Angled((curve,), (error,), (angle, 0.0, 0.0), error, spine())


@given(st.floats(0, 60), st.floats(0.1, 20))
def test_below_ten_degrees_is_said_only_where_the_upper_bound_is(angle: float, error: float):
    finding = scoliosis_finding(angled(angle, error), film(), doubtful=False)
    assert (finding.value == "absent") == (angle + error < 10)
    assert (finding.value == "present") == (angle >= 10)
    assert finding.refer == (len(finding.set) > 1)
    assert finding.value is None or finding.value in finding.set
    assert finding.probabilities is not None
    assert (finding.probabilities["present"] >= 0.5) == (angle >= 10)


def test_a_vertebra_that_was_missed_has_no_value_and_no_corners():
    whole = column(spine())
    kept = [k for k in range(17) if k != 6]
    part = Column(tuple(whole.seen[k] for k in kept), Corners(whole.corners.points[kept], whole.corners.spread[kept]), tuple(kept))
    naming = name_column(part.seen, part.slots, SETTINGS)
    rows = vertebra_findings(part, naming, film(), SETTINGS, doubtful=False)
    assert [row.level for row in rows][5:8] == ["T6", "T7", "T8"]
    assert (rows[6].value, rows[6].probabilities, rows[6].points, rows[6].refer) == (None, None, None, True)
    assert [row.level_from_bottom for row in rows] == list(range(17, 0, -1))
    assert all(row.points is not None and len(row.points) == 4 for k, row in enumerate(rows) if k != 6)


def test_curves_name_their_ends_and_lie_on_the_film():
    whole = column(spine(tilt_deg=20.0))
    naming = name_column(whole.seen, whole.slots, SETTINGS)
    rows = curve_rows(measure_angles(whole.corners, FILM[0], SETTINGS["angles"]), whole, naming, film(), sure=True)
    cobb = [row for row in rows if row["convention"].startswith("Cobb")]
    assert cobb[0]["upper_from_bottom"] > cobb[0]["apex_from_bottom"] > cobb[0]["lower_from_bottom"]
    assert np.array(cobb[0]["points"]).shape == (4, 2)
    assert [row["angle_deg"] for row in cobb] == sorted((row["angle_deg"] for row in cobb), reverse=True)
    assert sum(row["convention"].startswith("AASCE") for row in rows) == 3
    assert {row["side"] for row in cobb} == {None}


@pytest.mark.parametrize(("left_at", "bulge", "side"), [("right", 1, "left"), ("right", -1, "right"), ("left", 1, "right"),
                                                        ("left", -1, "left"), (None, 1, None)])
def test_a_side_is_the_patients_only_where_the_file_says_so(left_at: str | None, bulge: int, side: str | None):
    assert side_of(bulge, film(left_at)) == side


def test_millimetres_are_said_only_where_the_spacing_holds_in_the_patient():
    whole = column(spine(tilt_deg=20.0))
    naming = name_column(whole.seen, whole.slots, SETTINGS)
    units = {}
    for source, spacing in (("PixelSpacing", (0.5, 0.5)), ("ImagerPixelSpacing", (0.5, 0.5)), (None, None)):
        rows = measurements_of(whole, naming, film(spacing_mm=spacing, spacing_source=source), SETTINGS["measures"], sure=True)
        units[source] = {row.name: row for row in rows}["t1_l5_offset"].unit
    assert units == {"PixelSpacing": "mm", "ImagerPixelSpacing": "ratio", None: "ratio"}


def test_the_offset_is_that_of_the_ends():
    corners = spine(tilt_deg=0.0)
    corners[0] += [12.0, 0.0]
    whole = column(corners)
    naming = name_column(whole.seen, whole.slots, SETTINGS)
    rows = measurements_of(whole, naming, film(spacing_mm=(0.5, 0.5), spacing_source="PixelSpacing"), SETTINGS["measures"], sure=True)
    offset = next(row for row in rows if row.name == "t1_l5_offset")
    assert offset.value == pytest.approx(6.0)
    assert offset.error is not None
    assert offset.error > 0
    assert not [row for row in measurements_of(whole, naming, film(), SETTINGS["measures"], sure=False) if row.name == "t1_l5_offset"]
