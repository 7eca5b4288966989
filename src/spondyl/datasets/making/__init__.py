"""Making a cohort of the digital spine: what was asked for, who does it, how it is kept. The layouts say what a subject's files are."""

from spondyl.datasets.making.layout import Layout, Plan
from spondyl.datasets.making.order import Order, Scale
from spondyl.datasets.making.run import make_cohort

__all__ = ["Layout", "Order", "Plan", "Scale", "make_cohort"]
