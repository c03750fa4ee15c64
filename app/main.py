"""The entry of containers: `python -m app`, or any ASGI server with `app.main:app`."""

from __future__ import annotations

import os
import sys

from app.core import logs, secrets
from app.core.secrets import SecretsError
from app.core.settings import Settings, SettingsError
from app.factory import create_app

try:
    secrets.load(os.environ)
    app = create_app(auto_metrics="prometheus")
    settings = Settings.from_environ(os.environ)
except SecretsError as error:
    sys.exit(f"The app cannot start: {error}")
except SettingsError as error:
    sys.exit(f"The app cannot start with these settings:\n{error}")
logs.configure(settings)
