"""What Alembic runs to bring a database to date: our connection, our tables, and no configuration file."""

from alembic import context

from flows.migrations.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
