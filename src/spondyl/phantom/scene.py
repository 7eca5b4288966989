"""What the painters share: the canvas, the built spine, its lines, tissue signals and textures."""

from __future__ import annotations

from dataclasses import dataclass

from spondyl.phantom.anatomy import Spine, stack
from spondyl.phantom.canvas import Canvas, Frame, Texture
from spondyl.phantom.curves import Curves, curves
from spondyl.phantom.spec import Acquisition, SubjectSpec
from spondyl.phantom.tissue import TISSUES, signal

TEXTURE_MM = (1.4, 3.0, 11.0, 24.0)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One picture in the making.

    Attributes:
        of: Signal of each tissue in this sequence.
        fine, grain, lumps, loops: Textures of 1.4, 3, 11 and 24 mm.
    """

    spec: SubjectSpec
    scan: Acquisition
    spine: Spine
    lines: Curves
    canvas: Canvas
    of: dict[str, float]
    fine: Texture
    grain: Texture
    lumps: Texture
    loops: Texture


def scene(spec: SubjectSpec, scan: Acquisition) -> Scene:
    """An empty canvas and everything needed to paint on it."""
    frame = frame_of(scan)
    spine = stack(spec)
    textures = (Texture(spec.texture_seed, stream, scale) for stream, scale in enumerate(TEXTURE_MM))
    of = {name: signal(tissue, scan) for name, tissue in TISSUES.items()}
    return Scene(spec, scan, spine, curves(spec, spine, scan.lateral_mm), Canvas(frame), of, *textures)


def frame_of(scan: Acquisition) -> Frame:
    """How the picture of that acquisition lies on the body."""
    top, _, _, left = scan.pad_px
    return Frame(scan.rows, scan.columns, scan.spacing_mm, scan.centre_mm, scan.rotation_deg, (left, top))
