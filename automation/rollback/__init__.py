"""The way back to an earlier version of the app: which there are, which one is meant, and whether it can still run."""
