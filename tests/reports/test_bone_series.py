"""Densities of several results: what is compared, what is refused, and what the picture shows."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image as Picture

from reports.make_density import NOTE, other_task, refused, result
from spondyl.core import InputError, StudyResult
from spondyl.metrics.bone_density import REGION
from spondyl.reports.bone_plot import change_drawing, change_png, change_svg
from spondyl.reports.bone_series import bone_series, named_vertebrae
from spondyl.reports.drawing import Words


def verdicts(body: Mapping[str, object]) -> list[tuple[int, int, str | None]]:
    """(earlier, later, verdict) of each comparison."""
    changes = body["changes"]
    assert isinstance(changes, list)
    return [(row["earlier"], row["later"], row["verdict"]) for row in changes]


def test_a_series_is_compared_with_the_first_and_with_the_one_before_over_the_vertebrae_of_each_pair():
    series = bone_series([result("a"), result("b", 0.99), result("c", 0.93, out=["L3"]), result("d", 1.05)],
                         same_machine=True, rms_sd_g_cm2=0.010)
    body = series.as_dict()
    assert verdicts(body) == [
        (1, 2, "no significant change"), (1, 3, "loss"), (2, 3, "loss"), (1, 4, "gain"), (3, 4, "gain"),
    ]
    assert [len(row["vertebrae"]) for row in body["changes"]] == [4, 3, 3, 4, 3]
    assert body["common"]["vertebrae"] == ["L1", "L2", "L4"]
    assert any("L1, L2, L4" in note and "ISCD 2023" in note for note in body["notes"])


def test_the_mean_of_the_result_is_compared_where_it_is_over_the_same_vertebrae():
    (row,) = bone_series([result("a", mean=0.98), result("b", mean=0.96)]).as_dict()["changes"]
    assert row["densities"] == [0.98, 0.96]
    (row,) = bone_series([result("a", mean=0.98), result("b", mean=0.96, out=["L1"])]).as_dict()["changes"]
    assert row["densities"] == pytest.approx([0.9933, 0.9933])
    assert "plain mean" in row["mean_of"]


def test_a_vertebra_found_unreliable_does_not_count_though_the_mean_names_it():
    series = bone_series([result("a"), result("b", out=["L2"], method="L1-L4, as the scanner's report says")])
    assert series.examinations[1].examination.counted == ("L1", "L3", "L4")
    assert series.steps[0].change.common is not None
    assert series.steps[0].change.common.vertebrae == ("L1", "L3", "L4")


@pytest.mark.parametrize(
    ("method", "names"),
    [
        ("mean of L1, L2, L4", "L1 L2 L4"), ("mean of L1, L2 and L4 (L3 left out: fracture)", "L1 L2 L4"), ("L1-L4", "L1 L2 L3 L4"),
        ("L2 to L4, as the scanner's report says", "L2 L3 L4"), ("area-weighted mean of L1-L3", "L1 L2 L3"), ("AP Spine", ""),
        ("mean of L12", ""),
    ],
)
def test_the_vertebrae_of_a_mean_are_read_from_its_method(method: str, names: str):
    assert named_vertebrae(method) == tuple(names.split())


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (result("b", 0.9, code="density-from-report"), "read from the scanner's report"),
        (result("b", 0.9, note=replace(NOTE, sha256="b" * 64)), "(bbbbbbbb)"),
        (result("b", 0.9, unit="HU"), "the units differ"),
        (result("b", 0.9, out=REGION[1:], method="none"), "fewer than two vertebrae"),
    ],
)
def test_two_ways_of_measuring_are_not_compared(other: StudyResult, words: str):
    series = bone_series([result("a"), other], same_machine=True, rms_sd_g_cm2=0.010)
    assert series.steps[0].change.verdict is None
    assert words in series.steps[0].change.reason
    for picture in (change_svg(series), change_drawing(series).description):
        assert words.split(",")[0] in picture.replace("&apos;", "'")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"rms_sd_g_cm2": 1.9}, "change-precision"), ({"rms_sd_g_cm2": 0.0}, "change-precision"),
        ({"rms_sd_g_cm2": float("nan")}, "change-precision"), ({"same_machine": True, "cross_calibrated": True}, "change-machines"),
        ({"at": "2019"}, "change-labels"), ({"at": "2019,"}, "change-labels"), ({"at": "a,b" * 20}, "change-labels"),
        ({"at": "2021-04,2019-03"}, "change-order"), ({"at": "2021,2021"}, "change-order"),
    ],
)
def test_an_option_that_does_not_fit_is_named(options: dict[str, object], code: str):
    with pytest.raises(InputError) as told:
        bone_series([result("a"), result("b")], **options)  # type: ignore[arg-type]
    assert told.value.code == code
    assert told.value.hint


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([result("a")], "change-count"), ([result("a")] * 51, "change-count"), ([result("a"), result("a", 0.9)], "change-same-study"),
        ([result("a"), replace(result("b"), images=result("a").images)], "change-same-study"),
        ([result("a"), other_task()], "change-other-task"), ([result("a"), refused()], "change-not-answered"),
        ([result("a"), replace(result("b"), measurements=())], "change-no-density"),
        ([result("a"), result("b", -1.0)], "change-no-density"),
    ],
)
def test_results_that_cannot_be_followed_are_named_by_their_number(results: list[StudyResult], code: str):
    with pytest.raises(InputError) as told:
        bone_series(results)
    assert told.value.code == code
    assert "2" in told.value.message or code == "change-count"


def test_the_png_is_a_picture_of_the_same():
    series = bone_series([result("a"), result("b", 0.93)], same_machine=True, rms_sd_g_cm2=0.010)
    picture = Picture.open(BytesIO(change_png(series))).convert("RGB")
    drawing = change_drawing(series)
    assert picture.size == (2 * drawing.width, 2 * drawing.height)
    colours = {colour for _, colour in picture.getcolors(1 << 20) or []}
    assert (0xD5, 0x5E, 0x00) in colours
    assert change_png(series) == change_png(series)


def test_labels_are_words_and_not_markup():
    series = bone_series([result("a"), result("b")], at="<b>&,2021")
    assert "&lt;b&gt;&amp;" in change_svg(series)
    ElementTree.fromstring(change_svg(series))


def test_bars_touch_exactly_where_there_is_no_verdict_of_change():
    for share in (0.97, 0.9715, 0.972, 0.975):
        series = bone_series([result("a"), result("b", share)], same_machine=True, rms_sd_g_cm2=0.010)
        (step,) = series.steps
        assert series.common is not None
        first, last = series.common.means
        assert (first - 0.0277 / 2 > last + 0.0277 / 2) == (step.change.verdict == "loss")


def test_no_words_stand_on_others_however_near_the_examinations_are():
    many = [result("abcdef0123456789"[i], 1 + 0.01 * (i % 3)) for i in range(16)]
    dates = ",".join([*(f"2020-01-{2 * day + 1:02d}" for day in range(15)), "2024"])
    series = bone_series(many, same_machine=True, rms_sd_g_cm2=0.010, at=dates)
    drawing = change_drawing(series)
    words = [part for part in drawing.parts if isinstance(part, Words)]
    for i, one in enumerate(words):
        assert one.extent[0] >= 0
        assert one.extent[1] <= drawing.width
        for other in words[i + 1:]:
            if abs(one.at[1] - other.at[1]) < 10:
                assert one.extent[1] < other.extent[0] or other.extent[1] < one.extent[0]
