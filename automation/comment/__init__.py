"""The one comment that a pull request carries, kept up to date by every run."""
