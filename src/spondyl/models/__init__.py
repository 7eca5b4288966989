"""Networks to train: one file a family. torch lives here and in the laboratory only."""
