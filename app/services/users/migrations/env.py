"""What Alembic runs: the steps, in the transaction that `core/migrations.py` began and ends."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
