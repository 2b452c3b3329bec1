"""The database: its tables, how they came to be, and how it is opened. Only `flows.store` uses this."""
