"""Review in the browser: a local web application in which people settle flagged fields."""
