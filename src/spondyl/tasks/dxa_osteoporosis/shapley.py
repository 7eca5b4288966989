"""How much each group of measured features moved an answer: exact Shapley values.

The value of a group is its mean gain over all orders in which groups become known, a group that is not known yet having the values of
background cases (interventional; Lundberg and Lee 2017, equation 4). With g groups that is 2^g coalitions, few enough to ask them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import factorial

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]


def shapley_values(ask: Callable[[Rows], NDArray[np.float64]], case: Rows, background: Rows,
                   groups: Mapping[str, Sequence[int]]) -> dict[str, float]:
    """By group; they sum to what is said of the case minus the mean of what is said of the background.

    Groups that are the same in the case and in all of the background get 0 and are not asked for.

    Args:
        ask: From rows (n, d) to numbers (n,).
        case: (d,).
        background: (b, d), b at least 1.
        groups: Columns of each group; together all columns, each once.

    Example:
        >>> case, background = np.ones(2, np.float32), np.zeros((1, 2), np.float32)
        >>> values = shapley_values(lambda rows: rows.sum(axis=1), case, background, {"a": [0], "b": [1]})
        >>> sorted(values.items())
        [('a', 1.0), ('b', 1.0)]
    """
    asked = [name for name, columns in groups.items() if (background[:, list(columns)] != case[list(columns)]).any()]
    count = len(asked)
    known = np.array([[coalition >> k & 1 for k in range(count)] for coalition in range(2**count)], bool).reshape(2**count, count)
    mask = np.zeros((2**count, len(case)), bool)
    for k, name in enumerate(asked):
        mask[:, list(groups[name])] = known[:, [k]]
    rows = np.where(mask[:, None], case, background[None]).reshape(-1, len(case))
    said = np.asarray(ask(rows), np.float64).reshape(2**count, len(background)).mean(axis=1)
    values = dict.fromkeys(groups, 0.0)
    for k, name in enumerate(asked):
        without = np.flatnonzero(~known[:, k])
        sizes = known[without].sum(axis=1)
        weight = np.array([factorial(s) * factorial(count - s - 1) / factorial(count) for s in sizes])
        values[name] = float((weight * (said[without | (1 << k)] - said[without])).sum())
    return values
