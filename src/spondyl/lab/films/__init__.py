"""The laboratory of the radiograph tasks: check a data set, cache it, train members and detectors, put them together, measure, pack."""
