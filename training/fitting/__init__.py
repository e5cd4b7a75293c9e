"""From a corpus to a fitted model: features, search, cross-validation, calibration, thresholds, export."""
