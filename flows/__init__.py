"""The application around `recognizer`: it watches the inbox, remembers, shows, asks, and writes workbooks."""
