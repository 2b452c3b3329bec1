"""What is measured, how, and against what. Not part of the installed package."""
