"""In the place of Ray's `setup_worker.py`: have the worker forked by the server of `forks.py`, and be done."""

import os
import socket
import sys

from fork_server import send

with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(os.path.join(os.environ["VLA_FORK_SERVER"], "socket"))
    send(
        connection,
        {
            "target": "ray",
            "arguments": sys.argv,
            "environment": dict(os.environ),
            "folder": os.getcwd(),
            "path": None,
            "lone": True,
        },
        [0, 1, 2],
    )
    # Ray takes the worker's number from the worker; without one it would wait a minute
    if not connection.recv(64):
        sys.exit(1)
