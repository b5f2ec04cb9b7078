"""The documentation. `generated` makes the parts of its pages that the source knows better."""
