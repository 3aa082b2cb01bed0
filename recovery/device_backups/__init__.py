"""The cloud side of device backups: keys, uploads, lists, downloads, deletion, verification and lateness."""
