"""The device's backup client: from a live SQLite database to one encrypted file, and back on another device.

It imports no other room of the project, because it ships as the reference of the phone's own client.
"""
