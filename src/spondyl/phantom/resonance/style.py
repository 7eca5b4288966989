"""Ranges that acquisitions are drawn from."""

from __future__ import annotations

from dataclasses import dataclass

from spondyl.core.errors import NotFoundError, describe_unknown

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class MrStyle:
    """A way of scanning: each range is (lowest, highest), drawn evenly.

    Attributes:
        t1, t2, stir, t2_space: (TR range, TE range) in ms.
        fields: Field strengths in tesla.
        stir_rate: How often the fluid-sensitive sagittal series is STIR instead of T2.
        straight_rate: How often the axial series is one straight stack instead of blocks along the discs.
        sagittal_mm, axial_mm: (row and column) pixel spacings to choose from.
        thickness_mm, gap_share: Slice thickness; gap as a share of it.
        interpolation: Acquired resolution over pixel spacing.
        window: As `MrAcquisition.window`.
        bandwidth_hz: Per pixel at 1.5 T; twice that at 3 T.
        coil_mm, coil_end: Depth of 1/e of the coils, loss at their ends.
        band_rate: How often a saturation band lies over the belly.
        noise: As `MrAcquisition.noise`.
        gain: Of the pixel values.
        ghost_rate, wrap_rate: How often there are motion ghosts, or folding.
        turn_deg: Standard deviation of the turns of a sagittal stack, and of an axial one against its disc.
    """

    name: str
    t1: tuple[Range, Range] = ((446.0, 745.0), (7.0, 14.0))
    t2: tuple[Range, Range] = ((2700.0, 4700.0), (80.0, 124.0))
    stir: tuple[Range, Range] = ((3500.0, 5000.0), (30.0, 65.0))
    t2_space: tuple[Range, Range] = ((1000.0, 1500.0), (120.0, 190.0))
    fields: tuple[float, ...] = (1.5, 3.0)
    stir_rate: float = 0.35
    straight_rate: float = 0.25
    sagittal_mm: tuple[float, ...] = (0.313, 0.365, 0.47, 0.48, 0.59, 0.625, 0.625, 0.625, 0.68, 0.73, 0.81, 0.875)
    axial_mm: tuple[float, ...] = (0.35, 0.39, 0.45, 0.52, 0.56, 0.625)
    thickness_mm: tuple[float, ...] = (3.0, 3.5, 4.0, 4.0)
    gap_share: Range = (0.1, 0.2)
    interpolation: Range = (1.0, 1.45)
    window: Range = (0.55, 1.0)
    bandwidth_hz: Range = (140.0, 280.0)
    coil_mm: Range = (90.0, 420.0)
    coil_end: Range = (0.1, 0.5)
    band_rate: float = 0.5
    noise: Range = (0.006, 0.035)
    gain: Range = (0.6, 1.6)
    ghost_rate: float = 0.12
    wrap_rate: float = 0.06
    turn_deg: Range = (2.0, 3.0)


STYLES = {
    style.name: style
    for style in (
        MrStyle("train"),
        MrStyle("eval", t1=((400.0, 800.0), (8.0, 16.0)), t2=((2500.0, 5600.0), (75.0, 130.0)), stir=((3200.0, 5600.0), (28.0, 75.0)),
                sagittal_mm=(0.29, 0.34, 0.43, 0.52, 0.56, 0.66, 0.7, 0.78, 0.94), axial_mm=(0.31, 0.42, 0.48, 0.59, 0.68),
                thickness_mm=(3.2, 3.8, 4.2, 4.5), window=(0.4, 1.0), interpolation=(1.0, 1.6), coil_mm=(75.0, 500.0), noise=(0.008, 0.045),
                gain=(0.4, 2.0), ghost_rate=0.2, wrap_rate=0.1, turn_deg=(3.0, 4.0)),
        MrStyle("easy", stir_rate=0.0, straight_rate=0.0, interpolation=(1.0, 1.2), coil_mm=(300.0, 400.0), coil_end=(0.0, 0.1),
                band_rate=0.0, noise=(0.004, 0.01), gain=(0.9, 1.1), ghost_rate=0.0, wrap_rate=0.0, turn_deg=(0.5, 0.5)),
    )
}
"""Named styles. "eval" has other, wider ranges than "train", so that its figures are not of recall; "easy" is for tests [O]."""


def style_named(name: str) -> MrStyle:
    """The style of that name.

    Raises:
        NotFoundError: If there is none; the sentence offers the nearest one.
    """
    if name not in STYLES:
        raise NotFoundError("unknown-style", describe_unknown("MR style", name, STYLES))
    return STYLES[name]
