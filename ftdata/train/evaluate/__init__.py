"""Talk to what was trained, and compare it with its base on data that it has not seen."""
