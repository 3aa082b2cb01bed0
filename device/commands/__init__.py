"""The commands of ``duskspendr-backup``, one module a group."""
