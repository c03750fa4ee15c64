"""Rehearsals: a change done in a sandbox of its own, under load, and what that did to the requests."""
