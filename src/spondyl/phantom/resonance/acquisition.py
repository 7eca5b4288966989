"""How a patient is scanned: every number of a magnetic-resonance series. Nothing is drawn, nothing is rendered here. JSON both ways."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import InputError

SEQUENCES = ("t1", "t2", "t2_space", "stir")
Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Stack:
    """Parallel slices, numbered along their normal (`across` x `down`).

    Attributes:
        centre_mm: (x, y, z) of the patient at the middle of the stack.
        across, down: Unit vectors of growing column and of growing row, at right angles.
        slices: How many.
    """

    centre_mm: Triple
    across: Triple
    down: Triple
    slices: int

    def __post_init__(self) -> None:
        r, q = np.array(self.across), np.array(self.down)
        if abs(r @ r - 1) > 1e-6 or abs(q @ q - 1) > 1e-6 or abs(r @ q) > 1e-6 or self.slices < 1:
            raise InputError("mr-stack", f"got rows along {self.across}, columns along {self.down} and {self.slices} slices",
                             "give unit vectors at right angles and at least one slice")

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit vector along which the slices are numbered."""
        return np.cross(self.across, self.down)


@dataclass(frozen=True, slots=True)
class MrAcquisition:
    """One series.

    Attributes:
        sequence: One of SEQUENCES.
        field_tesla: 1.5 or 3.
        tr_ms, te_ms: Repetition and echo time; a STIR series' inversion time follows from the simulated fat.
        rows, columns, spacing_mm: Size of a picture and its (row, column) spacing.
        thickness_mm, gap_mm: Of the slices; they lie thickness + gap apart.
        stacks: One, or one for each disc plane.
        acquired_mm: (row, column) resolution before zero-filling; never finer than the spacing, which stands in where it is 0.
        window: Height of the k-space window's edge: 1 cuts hard (Gibbs rings), 0.1 is nearly a Hann window (blunt).
        phase: "down" or "across": the direction of phase encoding; fat shifts along the other one, the read direction.
        bandwidth_hz: Per acquired pixel; fat lies 3.4 ppm of the field over this away. 0 leaves the shift out.
        wrap: Share of the picture, 0 to 0.5, at either end along phase, into which what lies beyond the other end is folded, fading inward.
        ghost, ghost_mm: Share of the moving belly's signal in its ghosts, and how far along phase they lie.
        coil_mm: Depth over which the signal of the coils behind the back falls to 1/e; 0 is an even coil.
        coil_end: Share of the signal that is lost at the ends of the array, 165 mm from its middle.
        coil_z_mm: The middle of the array, z of the patient.
        band: (y, z, tilt in degrees): a point, in mm of the patient, of the back edge of a saturation band over the belly; or None.
        noise: Standard deviation of the real and of the imaginary channel, as a share of fat's or fluid's signal, whichever is brighter,
            in the canal. One coil is simulated, so magnitudes are Rician; several coils summed would give a non-central chi instead.
        gain: Of the pixel values; at 1 that brightest tissue is 1000 of 4095 in the canal.
        noise_seed: Seed of the noise.
        first: Number of the first slice in the series that this is a part of (see `part`); its noise follows from it.
    """

    sequence: str
    field_tesla: float
    tr_ms: float
    te_ms: float
    rows: int
    columns: int
    spacing_mm: tuple[float, float]
    thickness_mm: float
    gap_mm: float
    stacks: tuple[Stack, ...]
    acquired_mm: tuple[float, float] = (0.0, 0.0)
    window: float = 0.7
    phase: str = "down"
    bandwidth_hz: float = 0.0
    wrap: float = 0.0
    ghost: float = 0.0
    ghost_mm: float = 40.0
    coil_mm: float = 0.0
    coil_end: float = 0.0
    coil_z_mm: float = 90.0
    band: tuple[float, float, float] | None = None
    noise: float = 0.0
    gain: float = 1.0
    noise_seed: int = 0
    first: int = 0

    def __post_init__(self) -> None:
        for broken, rule in (
            (self.sequence not in SEQUENCES, f"a sequence is one of {SEQUENCES}"),
            (self.phase not in ("down", "across"), "phase runs down or across"),
            (min(self.rows, self.columns) < 16 or not min(self.spacing_mm) > 0, "a picture has 16 x 16 pixels or more, and a spacing"),
            (not self.thickness_mm > 0 or self.gap_mm < 0, "a slice has a thickness, and a gap of 0 or more"),
            (not self.stacks, "a series has a stack"),
            (min(self.tr_ms, self.te_ms, self.field_tesla, self.gain) <= 0, "times, field and gain are above 0"),
            (min(self.noise, self.ghost, self.coil_mm, self.bandwidth_hz) < 0, "noise, ghost, coil_mm and bandwidth_hz are 0 or more"),
            (not 0 < self.window <= 1 or not 0 <= self.wrap <= 0.5, "window lies above 0 and up to 1, wrap from 0 to 0.5"),
        ):
            if broken:
                raise InputError("mr-acquisition", f"an acquisition breaks the rule: {rule}; got {self}", f"change it so that {rule}")

    @property
    def plane(self) -> str:
        """"sagittal", or "axial" however far its stacks are tipped along the discs."""
        return "sagittal" if abs(self.stacks[0].normal[0]) > np.sqrt(0.5) else "axial"

    @property
    def slices(self) -> int:
        """Of all stacks together."""
        return sum(stack.slices for stack in self.stacks)

    @property
    def step_mm(self) -> float:
        """From the middle of one slice to the next one's in the same stack."""
        return self.thickness_mm + self.gap_mm

    @property
    def resolution_mm(self) -> tuple[float, float]:
        """(row, column) resolution that is really acquired."""
        return tuple(max(a, s) for a, s in zip(self.acquired_mm, self.spacing_mm, strict=True))  # type: ignore[return-value]

    @property
    def fat_shift_mm(self) -> float:
        """How far fat lies from water along the read direction (toward growing rows or columns)."""
        if not self.bandwidth_hz:
            return 0.0
        return 3.4 * 42.577 * self.field_tesla / self.bandwidth_hz * self.resolution_mm[0 if self.phase == "across" else 1]

    def part(self, first: int, count: int) -> MrAcquisition:
        """Only `count` slices from number `first` on, of a series of one stack: they come out as in the whole series.

        Raises:
            InputError: If there are several stacks, or no such slices.
        """
        stack = self.stacks[0]
        if len(self.stacks) > 1 or not 0 <= first < first + count <= stack.slices:
            raise InputError("mr-part", f"no slices {first} to {first + count - 1} in {len(self.stacks)} stack(s), of {stack.slices}",
                             "take a part of one stack, from slice 0 up")
        away = (first + (count - 1) / 2 - (stack.slices - 1) / 2) * self.step_mm * stack.normal
        centre = _triple(np.array(stack.centre_mm) + away)
        return replace(self, stacks=(replace(stack, centre_mm=centre, slices=count),), first=self.first + first)

    def to_json(self) -> str:
        """JSON text that `mr_acquisition_from_json` turns back into an equal acquisition."""
        return json.dumps(asdict(self)) + "\n"


def mr_acquisition_from_json(text: str) -> MrAcquisition:
    """The acquisition that `MrAcquisition.to_json` wrote."""
    body = _tuples(json.loads(text))
    return MrAcquisition(**{**body, "stacks": tuple(Stack(**_tuples(stack)) for stack in body["stacks"])})


def _tuples(row: dict[str, Any]) -> dict[str, Any]:
    """JSON has lists where the acquisition has tuples."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}


def sagittal_stack(centre_mm: Triple, slices: int, turn_deg: Triple = (0.0, 0.0, 0.0)) -> Stack:
    """A sagittal stack: the front of the patient to the left of the picture, the head up. Slice 0 is the patient's left-most one.

    Args:
        turn_deg: Turns about the patient's (x, y, z) axis, right-handed: in the picture, of a spine that leans, of one that twists.
    """
    turn = _rotation(turn_deg)
    return Stack(_triple(centre_mm), _triple(turn @ [0.0, 1, 0]), _triple(turn @ [0.0, 0, -1]), slices)


def axial_stack(centre_mm: Triple, slices: int, left: NDArray[np.floating] | None = None,
                back: NDArray[np.floating] | None = None) -> Stack:
    """An axial stack in the plane of two directions (a disc's u and v), or a straight one: the patient's right on the left of the picture.

    Slice 0 is the lowest.
    """
    r = np.array([1.0, 0, 0]) if left is None else np.asarray(left, np.float64)
    q = np.array([0.0, 1, 0]) if back is None else np.asarray(back, np.float64)
    r = r / np.linalg.norm(r)
    q = q - (q @ r) * r
    return Stack(_triple(centre_mm), _triple(r), _triple(q / np.linalg.norm(q)), slices)


def _triple(values: NDArray[np.floating] | Triple) -> Triple:
    return tuple(float(v) for v in values)  # type: ignore[return-value]


def _rotation(turn_deg: Triple) -> NDArray[np.float64]:
    """Turn about x, then y, then z."""
    whole = np.eye(3)
    for axis, angle in enumerate(np.radians(turn_deg)):
        i, j = [(1, 2), (2, 0), (0, 1)][axis]
        one = np.eye(3)
        one[i, i] = one[j, j] = np.cos(angle)
        one[i, j], one[j, i] = -np.sin(angle), np.sin(angle)
        whole = one @ whole
    return whole
