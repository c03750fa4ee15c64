"""A shift: traffic moves from one compute to another step by step, is watched, and goes back when it gets worse."""
