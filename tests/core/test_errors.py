"""Errors say what was seen and what to do, and survive a trip between processes."""

from __future__ import annotations

import copy
import pickle

import pytest

from spondyl.core import BundleError, InputError, NotFoundError, Refusal, SpondylError
from spondyl.core.errors import describe_unknown


@pytest.mark.parametrize("kind", [SpondylError, InputError, Refusal, NotFoundError, BundleError])
@pytest.mark.parametrize("carry", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy])
def test_an_error_crosses_a_process_border_whole(kind: type[SpondylError], carry):
    again = carry(kind("no-discs-found", "two discs were found", "Send another slice"))
    assert type(again) is kind
    assert again.as_dict() == {"code": "no-discs-found", "message": "two discs were found", "hint": "Send another slice"}
    assert str(again) == "two discs were found"


def test_what_the_caller_can_fix_is_told_from_what_is_ours():
    assert issubclass(Refusal, InputError)
    assert not issubclass(BundleError, InputError)
    assert not issubclass(NotFoundError, InputError)


def test_a_misspelt_name_is_answered_with_the_nearest_and_with_all():
    text = describe_unknown("network", "resnet5", ["convnext_tiny", "resnet50"])
    assert text == "No network is called 'resnet5'. Did you mean 'resnet50'? Known: convnext_tiny, resnet50."


def test_nothing_is_guessed_where_nothing_is_near_or_known():
    assert "Did you mean" not in describe_unknown("network", "xyzzy", ["resnet50"])
    assert describe_unknown("bundle", "mine", iter(())) == "No bundle is called 'mine'. Known: none."
