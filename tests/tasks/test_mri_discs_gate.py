"""What the gate says becomes a passage or a refusal with the right words."""

from __future__ import annotations

import numpy as np
import pytest

from spondyl.core import Refusal
from spondyl.tasks.mri_discs.chain import Disc
from spondyl.tasks.mri_discs.gate import POSES, SEQUENCES, check_chain, check_pose, look


def logits(pose: str, sequence: str = "t2", sure: float = 8.0) -> np.ndarray:
    row = np.zeros((1, len(POSES) + len(SEQUENCES)), np.float32)
    row[0, POSES.index(pose)] = row[0, len(POSES) + SEQUENCES.index(sequence)] = sure
    return row


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_an_upright_slice_passes_and_its_sequence_is_named(sequence: str):
    seen = look(logits("upright", sequence))
    check_pose(seen, 0.5)
    assert seen.sequence == sequence
    assert sum(seen.poses.values()) == pytest.approx(1)
    assert sum(seen.sequences.values()) == pytest.approx(1)


def test_every_other_pose_is_refused_in_its_own_words():
    said = {}
    for pose in POSES[1:]:
        with pytest.raises(Refusal) as caught:
            check_pose(look(logits(pose)), 0.5)
        assert caught.value.message
        assert caught.value.hint
        said[pose] = caught.value.code
    assert said == {"mirrored": "slice-mirrored", "upside_down": "slice-upside-down", "on_its_side": "slice-on-its-side",
                    "other": "not-a-sagittal-lumbar-mr"}


def test_members_vote_with_their_probabilities():
    votes = np.concatenate([logits("upright"), logits("upright"), logits("mirrored")])
    assert look(votes).poses["upright"] == pytest.approx(2 / 3, abs=0.01)
    check_pose(look(votes), 0.5)
    with pytest.raises(Refusal, match="front of the body is on the right"):
        check_pose(look(votes), 0.7)


def test_the_words_do_not_depend_on_how_large_the_logits_are():
    assert look(logits("other", sure=4000.0)).poses["other"] == 1.0


@pytest.mark.parametrize(("scores", "passes"), [([0.9] * 5, True), ([0.9] * 2, False), ([0.2] * 6, False), ([], False), ([0.4] * 3, True)])
def test_a_plausible_row_of_discs_passes(scores: list[float], passes: bool):
    discs = [Disc(50.0, 200.0 - 30 * i, 40.0, 10.0, score, 0.1) for i, score in enumerate(scores)]
    settings = {"least_discs": 3, "least_mean_score": 0.4}
    if passes:
        check_chain(discs, settings)
        return
    with pytest.raises(Refusal, match=f"^{len(scores)} discs were found") as caught:
        check_chain(discs, settings)
    assert caught.value.code == "no-discs-found"
