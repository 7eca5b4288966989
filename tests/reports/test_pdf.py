"""The report on paper says what the result says, as words and nothing else."""

from __future__ import annotations

import pytest

from reports.make_film import BUNDLE, MEMBERS, film_result, grade_result
from reports.make_result import done, picture, refused
from reports.pdf_words import page_count, pdf_words
from spondyl.core import Notice, Series, Study, StudyResult
from spondyl.core.result import DISCLAIMER
from spondyl.reports import report_pdf
from spondyl.reports.card_blocks import card_blocks

CARD = """# xray-lesions 1.0.0

**Evidence: in-silico.** Trained on
the digital spine, see [the data](data.md).

| score | value (95 %) |
|---|---|
| AUROC | 0.96 (0.95 to 0.97) |
| mAP@0.5 |

- `first` limit
- second limit
  goes on

```
spondyl train
```
"""


def study_of(*images) -> Study:
    return Study("k" * 20, tuple(Series(image.id, "MR", (image,)) for image in images))


@pytest.fixture(scope="module")
def film_report() -> bytes:
    return report_pdf(*film_result("ap", "lateral"), CARD)


def test_everything_the_reader_must_know_stands_in_the_report(film_report: bytes):
    words = pdf_words(film_report)
    for wanted in (DISCLAIMER, "In silico: measured on the digital spine only", "k" * 20, "frontal film", "lateral film",
                   "Abnormal: present", "93 %", "Osteophytes",
                   "Spondylolisthesis", "0.91", "not from patients", BUNDLE.sha256, "xray-lesions 1.0.0", *MEMBERS):
        assert wanted in words, wanted
    assert page_count(film_report) > 1
    assert words.count(DISCLAIMER) > page_count(film_report), "it stands at the foot of every page"
    assert words.count("In silico: measured on the digital spine only") > page_count(film_report), "and the evidence at the head of each"


def test_the_card_of_the_weights_closes_the_report(film_report: bytes):
    words = pdf_words(film_report)
    for wanted in ("AUROC", "0.96 (0.95 to 0.97)", "see the data.", "second limit goes on", "spondyl train"):
        assert wanted in words
    assert "**" not in words


def test_the_same_result_is_the_same_file():
    arguments = film_result("ap", boxes=())
    assert report_pdf(*arguments) == report_pdf(*arguments)
    assert report_pdf(*arguments).startswith(b"%PDF")


def test_a_grade_stands_with_every_probability_and_its_set():
    study, _, _ = film_result("ap", "lateral")
    words = pdf_words(report_pdf(study, grade_result("ap", "lateral")))
    for wanted in ("Degeneration grade: 3", "all films", "60 %", "20 %", "2-3"):
        assert wanted in words


def test_levels_measurements_and_doubts_of_discs_are_in_it_too():
    image = picture()
    words = pdf_words(report_pdf(study_of(image), done(image, count=6)))
    for wanted in ("L5/S1", "#6 (T12/L1 or L1/L2?)", "Pfirrmann grade", "refer", "7.9 ± 0.8 mm", "spacing is unknown",
                   "Measured on patients"):
        assert wanted in words


def test_a_refusal_is_a_report_of_why():
    words = pdf_words(report_pdf(study_of(picture()), refused()))
    assert 'the image is axial, "sagittal" is wanted' in words
    assert "Choose the sagittal series" in words


EVIL = ['#panic("x")', "*bold* _it_ $x^2$", "</script> <b>", "= heading", "@ref #include \"/etc/passwd\"", "\\ ] } \" '", "[#sys.inputs]"]


@pytest.mark.parametrize("text", EVIL)
def test_nothing_of_a_result_is_read_as_markup(text: str):
    image = picture(40, 30)
    base = done(image, 1)
    result = StudyResult(base.task, base.status, base.study, base.bundle, {"spondyl": text}, images=base.images, findings=base.findings,
                         warnings=(Notice("x", text),))
    assert pdf_words(report_pdf(study_of(image), result, card=f"## {text}\n\n{text}\n")).count(text) == 4


def test_a_card_is_read_block_by_block():
    kinds = [block["kind"] for block in card_blocks(CARD)]
    assert kinds == ["heading", "paragraph", "table", "list", "paragraph"]
    (table,) = (block for block in card_blocks(CARD) if block["kind"] == "table")
    assert table["rows"] == [["score", "value (95 %)"], ["AUROC", "0.96 (0.95 to 0.97)"], ["mAP@0.5", ""]]
    assert card_blocks("") == []
    assert card_blocks("|---|---|") == []
