"""Runs the application until somebody stops it."""

import socket

import uvicorn

from flows.review.app import create_app
from flows.review.office import Office


def serve(office: Office, listening: socket.socket) -> None:
    """Serve the review of an exam on a socket until the process is told to stop."""
    server = uvicorn.Server(uvicorn.Config(create_app(office), log_level="warning", server_header=False))
    office.desk.begin()
    try:
        server.run(sockets=[listening])
    finally:
        office.desk.end()
