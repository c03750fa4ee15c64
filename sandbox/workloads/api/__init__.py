"""The part of AWS's API that tells of what runs, and changes it."""

from sandbox.workloads.api.api import Api
from sandbox.workloads.api.view import View

__all__ = ["Api", "View"]
