"""The laboratory: fit, measure, calibrate, export."""
