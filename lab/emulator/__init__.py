"""The emulated AWS: ministack in a process of its own, completed where RDS and AWS Backup need a real database.

``python -m lab.emulator`` is that process; :mod:`lab.cloud` starts it and talks to it over HTTP like any client.
"""
