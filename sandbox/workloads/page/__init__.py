"""The page that shows what runs: topology from front door to processes, live.

A few static files, the state as a JSON document, and the same as server-sent events whenever it changes.
"""

from sandbox.workloads.page.page import Page
from sandbox.workloads.page.state import View

__all__ = ["Page", "View"]
