"""The laboratory of `mri-stenosis`: prepare, fit, calibrate, measure, pack."""
