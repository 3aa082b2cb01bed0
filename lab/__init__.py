"""The lab: an emulated AWS and real PostgreSQL on one machine, where the deployed code is executed.

Everything binds to 127.0.0.1 on free ports, keeps its files in one temporary folder a run, and ends what it started by
process id.
"""
