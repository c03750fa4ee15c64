"""The entry of containers: `uvicorn app.main:app`, or `python -m app`."""

from __future__ import annotations

import os
import sys

from app.core import logs
from app.core.settings import Settings, SettingsError
from app.factory import create_app

try:
    settings = Settings.from_environ(os.environ)
    app = create_app(auto_metrics="prometheus")
except SettingsError as error:
    sys.exit(f"The app cannot start with these settings:\n{error}")
logs.configure(settings)
