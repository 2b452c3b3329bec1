"""Everything that leaves as a file: one small writer each."""
