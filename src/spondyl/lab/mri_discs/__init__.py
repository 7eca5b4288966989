"""The recipe behind the `mri-discs` bundle: gate, locator, graders, calibration, export."""
