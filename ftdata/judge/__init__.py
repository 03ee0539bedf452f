"""JUDGE: the engine that runs the selected rules over the input and makes verdicts."""
