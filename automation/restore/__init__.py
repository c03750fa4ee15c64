"""Data as it was at an earlier moment: which database, which moment, and what is lost by it."""
